//! Geodesics of the IGW geometry.

pub mod gaussian;
