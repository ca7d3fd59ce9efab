//! Issues for people: a folder of Markdown files, behind the trait that GitHub implements too.
