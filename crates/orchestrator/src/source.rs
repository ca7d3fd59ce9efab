//! What coders and planners may read: the files of one git tree.

use std::collections::BTreeMap;

use agents::{Source, SourceError, SourceFile};
use worktree::{Mode, Repository, TreeFile, TreeId};

/// The text files of a tree, read from git's object database, so that neither
/// the person's checkout nor what a test run left behind is ever seen.
pub struct TreeSource {
    repository: Repository,
    tree: TreeId,
    files: Vec<SourceFile>,
    max_file_bytes: u64,
}

impl TreeSource {
    /// Lists the files of the tree.
    ///
    /// # Errors
    ///
    /// If git cannot list them.
    pub async fn open(
        repository: &Repository,
        tree: TreeId,
        max_file_bytes: u64,
    ) -> Result<Self, worktree::Error> {
        let files = repository.files(&tree).await?;
        let files = files
            .into_iter()
            .filter(is_file)
            .map(|file| SourceFile { path: file.path, size: file.size })
            .collect();
        Ok(Self { repository: repository.clone(), tree, files, max_file_bytes })
    }

    pub(crate) fn tree(&self) -> &TreeId {
        &self.tree
    }

    pub(crate) fn sizes(&self) -> BTreeMap<String, u64> {
        self.files.iter().map(|file| (file.path.clone(), file.size)).collect()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.files.iter().map(|file| file.path.clone()).collect()
    }
}

fn is_file(file: &TreeFile) -> bool {
    matches!(file.mode, Mode::Regular | Mode::Executable)
}

#[async_trait::async_trait]
impl Source for TreeSource {
    fn files(&self) -> &[SourceFile] {
        &self.files
    }

    async fn read(&self, paths: &[String]) -> Result<BTreeMap<String, String>, SourceError> {
        let known: Vec<String> = paths
            .iter()
            .filter(|path| self.files.iter().any(|file| file.path == **path))
            .cloned()
            .collect();
        let contents = self.repository.read(&self.tree, &known, self.max_file_bytes).await;
        let contents = contents.map_err(|error| SourceError::new(error.to_string()))?;
        Ok(contents
            .into_iter()
            .filter_map(|(path, bytes)| Some((path, String::from_utf8(bytes).ok()?)))
            .collect())
    }
}
