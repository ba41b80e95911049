//! Every file of the corpus through its target, without a fuzzer.

use std::path::Path;

use gromov_fuzz::TARGETS;

#[test]
fn the_corpus_keeps_the_promises() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, run) in TARGETS {
        let entries = std::fs::read_dir(folder.join(name)).unwrap_or_else(|e| panic!("corpus/{name}: {e}"));
        let mut files: Vec<_> = entries.map(|e| e.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 3, "corpus/{name} has {} files", files.len());
        for file in &files {
            println!("{}", file.display());
            run(&std::fs::read(file).unwrap());
        }
    }
    let folders = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(folders, TARGETS.len(), "a corpus without a target");
}
