//! A user's folder of templates: read once, bounded, unknown names refused.

use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::name::Name;

/// Largest template file, in bytes.
const FILE_BYTES: u64 = 64 * 1024;
/// Entries of the folder that are looked at; there are far fewer templates.
const MOST_ENTRIES: usize = 1000;

/// The templates that the folder's files replace, by name, and what is wrong
/// with each of the others. Hidden files are left alone, for editors and
/// version control put them there.
pub(crate) fn read(dir: &Path) -> Vec<Result<(Name, String), Error>> {
    let unreadable = |source| Error::Read { path: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(source) => return vec![Err(unreadable(source))],
    };
    let mut files = Vec::new();
    let mut read = Vec::new();
    for entry in entries.take(MOST_ENTRIES) {
        match entry {
            Ok(entry) => files.push(entry.file_name()),
            Err(source) => read.push(Err(unreadable(source))),
        }
    }
    files.retain(|file| !file.as_encoded_bytes().starts_with(b"."));
    files.sort();
    read.extend(files.iter().map(|file| one(dir, file)));
    read
}

fn one(dir: &Path, file: &OsStr) -> Result<(Name, String), Error> {
    let path = dir.join(file);
    let Some(name) = name_of(file) else {
        return Err(Error::UnknownName { path, known: Name::FILES.join(", ") });
    };
    Ok((name, read_file(path)?))
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
