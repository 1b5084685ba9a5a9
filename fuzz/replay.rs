use std::path::Path;

/// Runs what a fuzz target runs over each file of its kept corpus, `fuzz/corpus/<target>/`. A file that once made a target
/// fail is put there.
fn replay(target: &str, run: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let folder = root.join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut seen = 0;
    for file in files {
        let path = file.unwrap().path();
        // Shown when the next line fails.
        println!("{}", path.display());
        run(&std::fs::read(&path).unwrap());
        seen += 1;
    }
    assert!(seen > 4, "{}: {seen} files", folder.display());
}
