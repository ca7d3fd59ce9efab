//! GitHub is switched on or off while issues stand in the other place.

use forge::{Error, Folder, Forge as _, Places};

use crate::github::Hub;
use crate::{Top, issue};

#[tokio::test]
async fn each_issue_is_looked_for_where_it_was_made() {
    let (top, hub) = (Top::new(), Hub::new().await);
    let folder = || Folder::new(top.dir.path().to_owned());
    let without = Places::new(folder(), None);
    let file = without.create(&issue("a")).await.unwrap();
    let with = Places::new(folder(), Some(hub.restarted()));
    let page = with.create(&issue("b")).await.unwrap();
    assert!(page.url.starts_with("https://github.com/octo/demo/issues/"), "{}", page.url);

    assert_eq!(with.look(&file.url).await.unwrap().issue, file);
    assert_eq!(with.look(&page.url).await.unwrap().issue, page);
    with.close(&file.url, "done").await.unwrap();
    assert!(top.read(&file.url).contains("state: closed"));
    // Not unknown: that would mean that a person had removed it.
    let looked = without.look(&page.url).await;
    assert!(matches!(looked, Err(Error::Elsewhere { .. })), "{looked:?}");
    hub.check();
}
