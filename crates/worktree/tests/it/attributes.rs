//! Files that git shows through a program or an encoding, and the lines that
//! would bring one.

use worktree::{Error, FileWrite};

use crate::{Place, delete, guard, head, put, write};

const LFS: &str = "*.bin filter=lfs diff=lfs merge=lfs -text\n";

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";

async fn refusal(place: &Place, writes: &[FileWrite]) -> Option<(String, String)> {
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let error = repository.write_tree(&tree, writes, &guard()).await.err()?;
    assert!(matches!(error, Error::Refused { .. }), "{writes:?}: {error}");
    let Error::Refused { path, why } = error else { return None };
    Some((path, why))
}

fn moved(from: &str, to: &str) -> [FileWrite; 2] {
    let to = FileWrite { path: to.to_owned(), from: Some(from.to_owned()), ..FileWrite::default() };
    [delete(from), to]
}

#[tokio::test]
async fn what_is_kept_through_a_filter_is_not_written_but_may_go_or_move() {
    let place = Place::with(&[("a.txt", "a")]).await;
    place.put(".gitattributes", "[attr]big filter=lfs -text\n*.raw big\nfree.raw -filter\n");
    place.put("deep/er/.gitattributes", LFS);
    place.put("deep/er/x.bin", POINTER);
    place.put("x.raw", POINTER);
    // git itself must not filter on the way in.
    place.git("-c filter.lfs.clean=cat add -A").await;
    place.git("commit -q -m lfs").await;
    for path in ["deep/er/x.bin", "deep/er/new.bin", "x.raw", "any/where/y.raw"] {
        let (named, why) = refusal(&place, &[write(path, "content")]).await.unwrap();
        assert_eq!(named, path);
        assert!(why.contains("is kept through the filter lfs"), "{why}");
    }
    for writes in [
        vec![write("x.bin", "not in that folder")],
        vec![write("free.raw", "excepted")],
        vec![delete("x.raw")],
        moved("x.raw", "y.raw").to_vec(),
        moved("deep/er/x.bin", "deep/er/y.bin").to_vec(),
    ] {
        assert_eq!(refusal(&place, &writes).await, None, "{writes:?}");
    }
    for (from, to) in [("x.raw", "x.txt"), ("a.txt", "a.raw")] {
        let (named, why) = refusal(&place, &moved(from, to)).await.unwrap();
        assert_eq!(named, to);
        assert!(why.contains("into or out of the filter lfs"), "{why}");
    }
    let [gone, mut come] = moved("x.raw", "x.txt");
    come.content = Some(b"text now".to_vec());
    let (named, why) = refusal(&place, &[gone, come]).await.unwrap();
    assert!(named == "x.txt" && why.contains("filter lfs"), "{why}");
}

#[tokio::test]
async fn neither_the_checkout_nor_another_tree_has_a_say() {
    let place = Place::with(&[("x.bin", POINTER)]).await;
    place.put(".gitattributes", LFS);
    assert_eq!(refusal(&place, &[write("x.bin", "x")]).await, None, "not in the tree");
    place.git("add .gitattributes").await;
    place.git("commit -q -m lfs").await;
    std::fs::remove_file(place.repo().join(".gitattributes")).unwrap();
    place.git("rm -q --cached .gitattributes").await;
    assert!(refusal(&place, &[write("x.bin", "x")]).await.is_some(), "still in the tree");
}

#[tokio::test]
async fn what_the_persons_own_config_says_counts_besides() {
    let place = Place::with(&[("a.txt", "a"), ("secret.txt", "s")]).await;
    place.put(".git/info/attributes", "secret.* filter=crypt\n[attr]hidden filter=crypt\n");
    let (named, why) = refusal(&place, &[write("secret.txt", "x")]).await.unwrap();
    assert!(named == "secret.txt" && why.contains("crypt"), "{why}");
    // A macro of the person, which the lines of the tree do not show.
    let (named, why) = refusal(&place, &[write(".gitattributes", "a.* hidden\n")]).await.unwrap();
    assert!(named == ".gitattributes" && why.contains("attribute filter of a.txt"), "{why}");
}

#[tokio::test]
async fn lines_that_bring_programs_or_encodings_are_refused_in_any_folder() {
    let place = Place::with(&[("a.txt", "a"), ("dir/.gitattributes", "*.md text\n")]).await;
    place.put(".gitattributes", &format!("* text=auto\n{LFS}"));
    place.git("add -A").await;
    place.git("commit -q -m attributes").await;
    let kept = format!("* text=auto\n{LFS}");
    for (path, content) in [
        (".gitattributes", format!("{kept}*.txt filter=lfs\n")),
        (".gitattributes", format!("{kept}[attr]quiet filter=lfs\n")),
        (".gitattributes", "* text=auto\n".to_owned()),
        (".gitattributes", kept.replace("*.bin", "*")),
        (".GitAttributes", "* diff=x\n".to_owned()),
        ("dir/.gitattributes", "*.md working-tree-encoding=UTF-16\n".to_owned()),
        ("dir/.gitattributes", "*.md merge=ours\r\n".to_owned()),
        ("new/.gitattributes", "\"a b\"diff=x\n".to_owned()),
        ("gitatt~1", "* filter=x\n".to_owned()),
        (".lfsconfig", "[lfs]\n\turl = https://example.org\n".to_owned()),
        ("dir/.LFSCONFIG", String::new()),
    ] {
        let refused = refusal(&place, &[write(path, &content)]).await;
        assert!(refused.as_ref().is_some_and(|(named, _)| named == path), "{content}: {refused:?}");
    }
    for writes in
        [vec![delete(".gitattributes")], moved(".gitattributes", "sub/.gitattributes").to_vec()]
    {
        assert!(refusal(&place, &writes).await.is_some(), "{writes:?}");
    }
    for (path, content) in [
        (".gitattributes", format!("{kept}*.png binary\n*.lock -diff linguist-generated\n")),
        (".gitattributes", format!("# about filter=x\n\n  {LFS}* text eol=lf\n")),
        ("dir/.gitattributes", "*.md text eol=crlf\n".to_owned()),
    ] {
        assert_eq!(refusal(&place, &[write(path, &content)]).await, None, "{content}");
    }
    assert_eq!(refusal(&place, &[delete("dir/.gitattributes")]).await, None);
}

#[tokio::test]
async fn generated_files_are_those_that_the_tree_says() {
    let place = Place::with(&[
        (".gitattributes", "gen/** linguist-generated=true\ngen/not.rs -linguist-generated\n"),
        ("src/.gitattributes", "schema.rs linguist-generated\nother.rs linguist-generated=false\n"),
        ("src/schema.rs", ""),
    ])
    .await;
    // What the checkout says by now does not count.
    place.put(".gitattributes", "* linguist-generated\n");
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let paths = ["gen/a/b.rs", "gen/not.rs", "src/schema.rs", "src/other.rs", "schema.rs", "a\0b"];
    let found = repository.generated(&tree, &paths.map(str::to_owned)).await.unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["gen/a/b.rs", "src/schema.rs"]);
    assert!(repository.generated(&tree, &[]).await.unwrap().is_empty());
}

/// A change that calls all files binary must not hide itself from a review.
#[tokio::test]
async fn a_difference_shows_text_whatever_the_attributes_say() {
    let place = Place::with(&[("a.txt", "one\n")]).await;
    place.put(".gitattributes", "* -diff\n");
    place.git("add -A").await;
    place.git("commit -q -m hidden").await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let changed = repository.write_tree(&tree, &[write("a.txt", "two\n")], &guard()).await.unwrap();
    let diff = repository.diff(&tree, &changed, 10_000).await.unwrap();
    assert!(diff.contains("-one\n+two\n"), "{diff}");
}

#[tokio::test]
async fn an_attribute_file_of_the_persons_own_is_read() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let beside = place.repo().parent().unwrap().to_owned();
    let file = beside.join("attributes");
    put(&beside, "attributes", "*.txt filter=own\n");
    place.git(&format!("config core.attributesFile {}", file.display())).await;
    let refused = refusal(&place, &[write("a.txt", "x")]).await;
    assert!(refused.is_some_and(|(path, _)| path == "a.txt"));
}
