//! The database of a plain Keyward, made once for each build of the program and copied after that: `init`, an admin and a
//! management key take three runs of the command line, and most tests begin with just these.

use super::{Issued, Keyward, KeywardBuilder};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// After `init`, and after the admin and their key were made.
const EMPTY: &str = "empty.db";
const WITH_ADMIN: &str = "admin.db";
const KEY: &str = "key.json";
/// No test run takes so long.
const OLD: Duration = Duration::from_secs(24 * 3600);

/// Copies the database to `file`; gives the admin's management key, if there shall be an admin.
pub(super) async fn copy(program: &Path, file: &Path, no_admin: bool) -> Option<Issued> {
    let template = template_of(program);
    if !template.exists() {
        Box::pin(make(&template)).await;
    }
    let database = if no_admin { EMPTY } else { WITH_ADMIN };
    fs::copy(template.join(database), file).expect("copy the database");
    (!no_admin).then(|| read_key(&template.join(KEY)))
}

/// Where the template of this program lies, beside it.
fn template_of(program: &Path) -> PathBuf {
    let about = fs::metadata(program).unwrap_or_else(|e| panic!("{}: {e}", program.display()));
    let build = format!("{:x}-{:x}-{:x}", about.len(), about.mtime(), about.mtime_nsec());
    program.with_file_name("keyward-testkit").join(build)
}

/// Makes it in a folder of its own, and puts it in its place whole: of two processes that do so at once, one is first.
async fn make(template: &Path) {
    let parent = template.parent().expect("a folder");
    fs::create_dir_all(parent).expect("a folder for templates");
    let folder = tempfile::tempdir_in(parent).expect("a temporary folder");
    let empty = made(KeywardBuilder::default().no_admin()).await;
    save(&empty, &folder.path().join(EMPTY));
    let with_admin = made(KeywardBuilder::default()).await;
    save(&with_admin, &folder.path().join(WITH_ADMIN));
    let key = with_admin.management.as_ref().expect("the admin's key");
    let key = json!({ "id": key.id, "secret": key.secret, "json": key.json });
    fs::write(folder.path().join(KEY), key.to_string()).expect("write the key");
    // When another process was first, its template is as good.
    let placed = fs::rename(folder.path(), template);
    assert!(placed.is_ok() || template.exists(), "{placed:?}");
    remove_old(parent, template);
}

async fn made(builder: KeywardBuilder) -> Keyward {
    builder.no_template().prepare().await
}

fn save(keyward: &Keyward, to: &Path) {
    let left = keyward.dir().join("keyward.db-wal");
    assert!(!left.exists(), "the command line left {}", left.display());
    fs::copy(keyward.dir().join("keyward.db"), to).expect("copy the database");
}

fn read_key(file: &Path) -> Issued {
    let text = fs::read_to_string(file).expect("the admin's key");
    let key: Value = serde_json::from_str(&text).expect("the admin's key as JSON");
    let text = |field: &str| key[field].as_str().expect("a text").to_owned();
    Issued {
        id: text("id"),
        secret: text("secret"),
        json: key["json"].clone(),
    }
}

/// Removes the templates of older builds.
fn remove_old(parent: &Path, but: &Path) {
    for other in fs::read_dir(parent).into_iter().flatten().flatten() {
        let made = other.metadata().and_then(|about| about.modified());
        let age = made.ok().and_then(|made| made.elapsed().ok());
        // What is young may be another process's, which is making the same.
        if other.path() != but && age.is_some_and(|age| age > OLD) {
            let _ = fs::remove_dir_all(other.path());
        }
    }
}
