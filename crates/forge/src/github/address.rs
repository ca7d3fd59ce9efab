//! The web address of an issue or a pull request, taken apart.

use url::Url;

/// Its place: whose repository, which one, which number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) repository: String,
    pub(super) number: u64,
}

/// Nothing for what is no web address of an issue.
pub(super) fn parse(url: &str) -> Option<Address> {
    of_kind("issues", url)
}

/// Nothing for what is no web address of a pull request.
pub(super) fn of_pull_request(url: &str) -> Option<Address> {
    of_kind("pull", url)
}

fn of_kind(kind: &str, url: &str) -> Option<Address> {
    let url = Url::parse(url).ok()?;
    let segments: Vec<&str> = url.path_segments()?.collect();
    match (url.scheme(), segments.as_slice()) {
        ("http" | "https", [.., owner, name, found, number]) if *found == kind => {
            let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            let number = number.parse().ok().filter(|_| plain)?;
            Some(Address { repository: format!("{owner}/{name}"), number })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_issues_address_is_one() {
        let found = |url: &str| parse(url).map(|one| (one.repository, one.number));
        let wanted = Some(("o/r".to_owned(), 12));
        assert_eq!(found("https://github.com/o/r/issues/12"), wanted);
        assert_eq!(found("https://git.example/github/o/r/issues/12"), wanted);
        assert_eq!(found("https://github.com/o/r/issues/12#issuecomment-5"), wanted);
        for url in [
            "",
            ".belay/issues/0001-a.md",
            "https://github.com/o/r/pull/12",
            "https://github.com/o/r/issues/",
            "https://github.com/o/r/issues/+1",
            "https://github.com/o/r/issues/1/2",
            "file:///o/r/issues/12",
            "o/r/issues/12",
        ] {
            assert_eq!(found(url), None, "{url}");
        }
        let pull = of_pull_request("https://github.com/o/r/pull/12");
        assert_eq!(pull.map(|one| one.number), Some(12));
        assert_eq!(of_pull_request("https://github.com/o/r/issues/12"), None);
    }
}
