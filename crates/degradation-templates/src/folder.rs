//! A user's folder of templates: read once, bounded, unknown names refused.

use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::name::Name;

/// Largest template file, in bytes.
const FILE_BYTES: u64 = 64 * 1024;

/// The templates that the folder's files replace. Hidden files are left alone,
/// for editors and version control put them there.
pub(crate) fn read(dir: &Path) -> Result<Vec<(Name, String)>, Error> {
    let unreadable = |source| Error::Read { path: dir.to_owned(), source };
    let mut replaced = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let file_name = entry.file_name();
        if file_name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let name = name_of(&file_name).ok_or_else(|| Error::UnknownName {
            path: entry.path(),
            known: Name::FILES.join(", "),
        })?;
        replaced.push((name, read_file(entry.path())?));
    }
    Ok(replaced)
}

fn name_of(file_name: &OsStr) -> Option<Name> {
    Name::ALL.into_iter().find(|name| file_name == name.file())
}

fn read_file(path: PathBuf) -> Result<String, Error> {
    let mut text = String::new();
    let taken = fs::metadata(&path)
        .and_then(|found| {
            // Opening a pipe would wait for a writer that never comes.
            if found.is_file() {
                fs::File::open(&path)
            } else {
                Err(std::io::Error::other("not a regular file"))
            }
        })
        .and_then(|file| file.take(FILE_BYTES + 1).read_to_string(&mut text));
    match taken {
        Ok(bytes) if bytes as u64 > FILE_BYTES => Err(Error::TooLarge { path, limit: FILE_BYTES }),
        Ok(_) => Ok(text),
        Err(source) => Err(Error::Read { path, source }),
    }
}
