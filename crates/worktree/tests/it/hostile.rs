//! Change sets as a hostile or confused model may write them: each is refused
//! as a whole with the path named, and nothing of the person's is another
//! afterwards: home, checkout, git directory, whatever lies beside them.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use subprocess::{Command, run};
use tokio_util::sync::CancellationToken;
use worktree::{Error, FileWrite, Guard, Repository, TreeId};

use crate::{Place, delete, env, head, put, write};

/// What the default config denies, and its limit.
const DENY: [&str; 7] = [
    ".git/**",
    ".github/workflows/**",
    ".husky/**",
    ".gitmodules",
    "**/CODEOWNERS",
    "**/.npmrc",
    "**/.env",
];

const MOST: u64 = 1 << 20;

/// Everything below a folder: kind, mode, and content or target. Left out is
/// what may grow: objects, what is belay's own, worktrees.
fn surroundings(dir: &Path) -> BTreeMap<PathBuf, String> {
    let may_grow = ["repo/.git/objects", "repo/.git/belay", "repo/.git/worktrees", "cache"];
    let may_grow = may_grow.map(|part| dir.join(part));
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if may_grow.contains(&path) {
                continue;
            }
            let facts = path.symlink_metadata().unwrap();
            let mode = facts.permissions().mode();
            let content = if facts.is_symlink() {
                format!("{:?}", path.read_link().unwrap())
            } else if facts.is_file() {
                format!("{:?}", std::fs::read(&path).unwrap())
            } else {
                String::new()
            };
            if facts.is_dir() {
                open.push(path.clone());
            }
            found.insert(path, format!("{mode:o} {content}"));
        }
    }
    found
}

/// What differs, by path: a whole listing would tell nobody anything.
fn differences(
    before: &BTreeMap<PathBuf, String>,
    after: &BTreeMap<PathBuf, String>,
) -> Vec<PathBuf> {
    let all = before.keys().chain(after.keys());
    all.filter(|path| before.get(*path) != after.get(*path)).cloned().collect()
}

struct Scene {
    place: Place,
    repository: Repository,
    tree: TreeId,
    guard: Guard,
}

impl Scene {
    /// A repository with one of everything that a path can run into, beside a
    /// home that is worth something.
    async fn new() -> Self {
        let place = Place::with(&[
            ("README.md", "read me\n"),
            ("src/main.rs", "fn main() {}\n"),
            ("dir/inner/file.txt", "x\n"),
            (".gitattributes", "[attr]stored filter=lfs -text\n*.bin stored\n"),
        ])
        .await;
        let (repo, top) = (place.repo(), place.repo().parent().unwrap().to_owned());
        for (path, content) in
            [(".ssh/id_ed25519", "key"), (".npmrc", "token"), (".bashrc", "# mine"), ("f", "f")]
        {
            put(&top.join("home"), path, content);
        }
        put(&top, "tmp/of-another-program", "x");
        for (target, link) in [
            ("README.md", "to-file"),
            ("src", "to-folder"),
            ("/etc", "absolute"),
            ("nowhere", "dangling"),
            ("..", "dir/up"),
        ] {
            symlink(target, repo.join(link)).unwrap();
        }
        symlink(top.join("home"), repo.join("planted")).unwrap();
        put(&repo, "big.bin", "version https://git-lfs.github.com/spec/v1\n");
        place.git("-c filter.lfs.clean=cat add -A").await;
        let commit = place.git("rev-parse HEAD").await;
        place.git(&format!("update-index --add --cacheinfo 160000,{commit},module")).await;
        let blob = place.git("rev-parse HEAD:README.md").await;
        // A name in Latin-1, which no model can spell.
        let mut line = format!("100644 {blob}\tcaf").into_bytes();
        line.extend(b"\xe9/menu.txt\0");
        let index = Command::new("git", &repo)
            .args(["update-index", "-z", "--index-info"])
            .env(env())
            .stdin(line);
        assert!(run(&index, &CancellationToken::new()).await.unwrap().success());
        place.git("commit -q -m everything").await;
        let repository = place.open().await;
        let (_, tree) = head(&repository).await;
        let guard = Guard::new(&DENY.map(str::to_owned), MOST).unwrap();
        Self { place, repository, tree, guard }
    }

    fn top(&self) -> PathBuf {
        self.place.repo().parent().unwrap().to_owned()
    }

    async fn refusal(&self, writes: &[FileWrite]) -> Result<TreeId, Error> {
        self.repository.write_tree(&self.tree, writes, &self.guard).await
    }
}

fn renamed(from: &str, to: &str) -> FileWrite {
    FileWrite { path: to.to_owned(), from: Some(from.to_owned()), ..FileWrite::default() }
}

fn expecting(path: &str, before: &str) -> FileWrite {
    FileWrite { before: Some(before.as_bytes().to_vec()), ..write(path, "x") }
}

/// The path that must be named, and the change set.
type Attack = (String, Vec<FileWrite>);

/// Paths that are unfit whatever the repository holds.
fn paths() -> Vec<Attack> {
    let paths = [
        "",
        "/",
        "/etc/passwd",
        "/dev/null",
        "//host/share",
        "..",
        "../home/.ssh/id_ed25519",
        "src/../../home/.npmrc",
        "./README.md",
        "src/./main.rs",
        "src//main.rs",
        "src/",
        ".",
        "src\\main.rs",
        "..\\home\\f",
        "C:/windows",
        "c:f",
        "a\0b",
        "a\nb",
        "a\u{1b}[2Jb",
        "safe\u{202e}sr.exe",
        "a\u{2066}b",
        "\u{feff}a",
        "name ",
        "name.",
        " name",
        ".git",
        ".git/hooks/post-checkout",
        ".GIT/config",
        "src/.gIt/config",
        ".git./config",
        ".git /config",
        "git~1/config",
        "GIT~3",
        ".git::$INDEX_ALLOCATION/config",
        ".git:x",
        ".g\u{200c}it/config",
        ".gi\u{2060}t/config",
        ".g\u{ad}it/config",
        ".github/workflows/ci.yml",
        ".GitHub/WORKFLOWS/ci.yml",
        ".husky/pre-commit",
        ".gitmodules",
        ".GITMODULES",
        "docs/CODEOWNERS",
        "app/.npmrc",
        ".env",
        "x/.ENV/y",
        "caf\u{fffd}/menu.txt",
    ];
    let mut attacks: Vec<Attack> =
        paths.iter().map(|path| ((*path).to_owned(), vec![write(path, "x")])).collect();
    let long = ["n".repeat(256), "d/".repeat(600) + "f"];
    attacks.extend(long.map(|path| (path.clone(), vec![write(&path, "x")])));
    attacks
}

/// Changes that do not fit what the repository holds.
fn misfits() -> Vec<Attack> {
    let named = |path: &str, writes: Vec<FileWrite>| (path.to_owned(), writes);
    let alone = |path: &str| named(path, vec![write(path, "x")]);
    let mut attacks: Vec<Attack> = [
        "to-file",
        "to-folder",
        "to-folder/main.rs",
        "absolute",
        "absolute/passwd",
        "dangling",
        "dangling/x",
        "planted",
        "planted/.ssh/id_ed25519",
        "planted/new",
        "dir/up/home/f",
        "module",
        "module/x",
        "readme.md",
        "SRC/main.rs",
        "dir/INNER/new",
        "PLANTED/f",
        "src",
        "dir/inner",
        "README.md/x",
        "src/main.rs/a/b",
        "big.bin",
        "new.bin",
        "dir/deep/new.bin",
        ".lfsconfig",
        "dir/.LfsConfig",
    ]
    .map(alone)
    .into();
    attacks.extend([
        named("to-file", vec![delete("to-file")]),
        named("module", vec![delete("module")]),
        named("missing", vec![delete("missing")]),
        named("src", vec![delete("src")]),
        named("new", vec![write("new", "x"), write("new", "y")]),
        named("NEW", vec![write("new", "x"), write("NEW", "y")]),
        named("New/b", vec![write("new/a", "x"), write("New/b", "y")]),
        named("new/a", vec![write("new", "x"), write("new/a", "y")]),
        named("README.md", vec![write("README.md", "x"), delete("README.md")]),
        named("README.md", vec![expecting("README.md", "what it held long ago\n")]),
        named("new", vec![expecting("new", "")]),
        named("planted", vec![delete("planted"), write("planted/f", "x")]),
    ]);
    attacks
}

/// Renames, attributes and sizes.
fn tricks() -> Vec<Attack> {
    let named = |path: &str, writes: Vec<FileWrite>| (path.to_owned(), writes);
    let lines = |path: &str, line: &str| named(path, vec![write(path, line)]);
    let kept = "[attr]stored filter=lfs -text\n*.bin stored\n";
    vec![
        named("new", vec![renamed("README.md", "new")]),
        named("new", vec![delete("README.md"), renamed("../home/f", "new")]),
        named("to-file", vec![delete("to-file"), renamed("to-file", "new")]),
        named("module", vec![delete("module"), renamed("module", "new")]),
        named("src/main.rs", vec![delete("README.md"), renamed("README.md", "src/main.rs")]),
        named("../out", vec![delete("README.md"), renamed("README.md", "../out")]),
        named(".git/x", vec![delete("README.md"), renamed("README.md", ".git/x")]),
        named("planted/x", vec![delete("README.md"), renamed("README.md", "planted/x")]),
        named("x.bin", vec![delete("README.md"), renamed("README.md", "x.bin")]),
        named("x.txt", vec![delete("big.bin"), renamed("big.bin", "x.txt")]),
        lines(".gitattributes", "*.bin -text\n"),
        lines(".gitattributes", &format!("{kept}*.rs filter=evil\n")),
        lines(".gitattributes", &format!("{kept}*.rs stored\n")),
        lines("src/.gitattributes", "* diff=evil\n"),
        lines("src/.gitattributes", "* merge=evil\n"),
        lines("src/.gitattributes", "* working-tree-encoding=UTF-16\n"),
        lines("src/.gitattributes", "\"*\"filter=evil\n"),
        lines(".GITATTRIBUTES", "* filter=evil\n"),
        named(".gitattributes", vec![delete(".gitattributes")]),
        named("huge", vec![FileWrite { content: Some(vec![0; 200 << 20]), ..write("huge", "") }]),
    ]
}

#[tokio::test]
async fn every_hostile_change_set_is_refused_by_name_and_leaves_no_trace() {
    let scene = Scene::new().await;
    let attacks: Vec<Attack> = paths().into_iter().chain(misfits()).chain(tricks()).collect();
    assert!(attacks.len() >= 40, "{}", attacks.len());
    let objects = scene.place.git("count-objects -v").await;
    let status = scene.place.git("status --porcelain").await;
    let before = surroundings(&scene.top());
    assert!(before.len() > 30, "{before:?}");
    for (named, writes) in &attacks {
        let what: Vec<&str> = writes.iter().map(|write| write.path.as_str()).collect();
        let refused = scene.refusal(writes).await;
        assert!(
            matches!(&refused, Err(Error::Refused { path, .. }) if path == named),
            "{named:?} by {what:?}: {refused:?}"
        );
        let changed = differences(&before, &surroundings(&scene.top()));
        assert!(changed.is_empty(), "{what:?}: {changed:?}");
    }
    assert_eq!(scene.place.git("count-objects -v").await, objects);
    assert_eq!(scene.place.git("status --porcelain").await, status);
}

/// Trap 28: a good file goes nowhere in bad company.
#[tokio::test]
async fn a_good_file_among_hostile_ones_is_not_written_either() {
    let scene = Scene::new().await;
    let before = surroundings(&scene.top());
    let good = write("docs/good.md", "nothing like this was ever written\n");
    put(&scene.top(), "cache/good", "nothing like this was ever written\n");
    let file = scene.top().join("cache/good");
    let blob = scene.place.git(&format!("hash-object {}", file.display())).await;
    // The huge one has been seen alone; a hundred copies of it show no more.
    let attacks = paths().into_iter().chain(misfits()).chain(tricks());
    let attacks = attacks.filter(|(named, _)| named != "huge");
    let mut together = vec![good.clone()];
    for (_, writes) in attacks {
        let company = [vec![good.clone()], writes.clone()].concat();
        let refused = scene.refusal(&company).await;
        assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
        together.extend(writes);
    }
    let refused = scene.refusal(&together).await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    let asked = Command::new("git", scene.place.repo()).args(["cat-file", "-e", &blob]).env(env());
    let asked = run(&asked, &CancellationToken::new()).await.unwrap();
    assert!(!asked.success(), "the good file's content was stored");
    assert!(differences(&before, &surroundings(&scene.top())).is_empty());
    // Alone it is taken.
    scene.refusal(&[good]).await.unwrap();
}

/// What stands where a file is to be put is replaced, never opened: a pipe
/// would be waited for, a link or device written through.
#[tokio::test]
async fn pipes_links_and_devices_in_the_worktree_give_way() {
    let scene = Scene::new().await;
    let (commit, tree) = head(&scene.repository).await;
    let worktree = scene.repository.worktree(&scene.place.reserved(), &commit).await.unwrap();
    worktree.materialize(&tree).await.unwrap();
    let before = surroundings(&scene.top());
    let plant = "rm README.md src/main.rs dir/inner/file.txt big.bin planted && \
         mkfifo README.md && ln -s \"$OUT/home/.bashrc\" src/main.rs && \
         ln \"$OUT/home/f\" dir/inner/file.txt && ln -s /dev/full big.bin && \
         ln -s \"$OUT/home\" left && mkdir planted && \
         rm -rf dir/inner && ln -s \"$OUT/home\" dir/inner";
    let out = scene.top();
    let plant = Command::new("sh", worktree.path())
        .args(["-c", plant])
        .env(env())
        .env([("OUT", out.to_str().unwrap())]);
    let planted = run(&plant, &CancellationToken::new()).await.unwrap();
    assert!(planted.success(), "{}", planted.stderr.text());
    worktree.materialize(&tree).await.unwrap();
    let path = worktree.path();
    let read = |name: &str| std::fs::read_to_string(path.join(name)).unwrap();
    assert_eq!(read("README.md"), "read me\n");
    assert_eq!(read("src/main.rs"), "fn main() {}\n");
    assert_eq!(read("dir/inner/file.txt"), "x\n");
    assert!(path.join("planted").read_link().is_ok());
    assert!(path.join("left").symlink_metadata().is_err());
    let changed = differences(&before, &surroundings(&scene.top()));
    assert!(changed.is_empty(), "{changed:?}");
}
