//! What `cargo metadata` says about the workspace, cut down to what the checks ask for.

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::Value;

use crate::cargo::Cargo;

#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub(crate) top: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
    /// `[workspace.metadata.layers]`: each crate with those it may use, in the manifest's order.
    pub(crate) layers: Vec<(String, Vec<String>)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The name of the folder that its manifest is in.
    pub(crate) folder: String,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) version: String,
    /// Whether other crates can use it.
    pub(crate) is_library: bool,
    pub(crate) description: Option<String>,
    /// The path of its readme, from its folder.
    pub(crate) readme: Option<String>,
    /// How many it has.
    pub(crate) keywords: usize,
    pub(crate) categories: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    /// As it is called in the code's manifest, which a rename may make another than the crate's.
    pub(crate) name: String,
    pub(crate) for_tests: bool,
}

impl Workspace {
    pub(crate) fn read() -> anyhow::Result<Self> {
        let arguments = ["metadata", "--no-deps", "--format-version", "1"];
        let output = Cargo::new(&arguments).read()?;
        let metadata = serde_json::from_slice(&output).context("cargo metadata is not JSON")?;
        Self::parse(&metadata).context("cargo metadata has another shape than expected")
    }

    pub(crate) fn libraries(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.is_library)
    }

    fn parse(metadata: &Value) -> Option<Self> {
        let packages = metadata["packages"].as_array()?;
        let layers = metadata["metadata"]["layers"].as_object()?;
        let layers = layers.iter().map(|(name, uses)| {
            let uses = uses.as_array()?.iter().map(text);
            Some((name.clone(), uses.collect::<Option<_>>()?))
        });
        Some(Self {
            top: text(&metadata["workspace_root"])?.into(),
            target: text(&metadata["target_directory"])?.into(),
            packages: packages.iter().map(package).collect::<Option<_>>()?,
            layers: layers.collect::<Option<_>>()?,
        })
    }
}

fn package(value: &Value) -> Option<Package> {
    let manifest = PathBuf::from(text(&value["manifest_path"])?);
    let folder = manifest.parent()?.file_name()?;
    let dependencies = value["dependencies"].as_array()?.iter();
    let dependencies = dependencies.map(|value| {
        let renamed = text(&value["rename"]);
        Some(Dependency {
            name: renamed.or_else(|| text(&value["name"]))?,
            for_tests: value["kind"] == "dev",
        })
    });
    Some(Package {
        name: text(&value["name"])?,
        folder: folder.to_string_lossy().into_owned(),
        dependencies: dependencies.collect::<Option<_>>()?,
        version: text(&value["version"])?,
        is_library: is_library(value),
        description: text(&value["description"]),
        readme: text(&value["readme"]),
        keywords: length(&value["keywords"]),
        categories: length(&value["categories"]),
    })
}

fn is_library(package: &Value) -> bool {
    let targets = package["targets"].as_array().into_iter().flatten();
    let mut kinds = targets.filter_map(|target| target["kind"].as_array()).flatten();
    kinds.any(|kind| kind == "lib")
}

fn length(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
impl Package {
    /// With nothing but a name, for tests.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            folder: name.to_owned(),
            dependencies: Vec::new(),
            version: "0.1.0".to_owned(),
            is_library: true,
            description: None,
            readme: None,
            keywords: 0,
            categories: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_parts_that_are_asked_for_are_read() {
        let metadata = json!({
            "workspace_root": "/top",
            "target_directory": "/top/target",
            "metadata": {"layers": {"b": ["a"], "a": []}},
            "packages": [{
                "name": "b",
                "version": "0.1.0",
                "readme": "README.md",
                "keywords": ["x", "y"],
                "targets": [{"kind": ["test"]}, {"kind": ["lib"]}],
                "manifest_path": "/top/crates/b/Cargo.toml",
                "dependencies": [
                    {"name": "a", "kind": null, "rename": null},
                    {"name": "c", "kind": "dev", "rename": "d"},
                ],
            }],
        });
        let workspace = Workspace::parse(&metadata).unwrap();
        let order: Vec<&str> = workspace.layers.iter().map(|(name, _)| &**name).collect();
        assert_eq!(order, ["b", "a"]);
        let package = &workspace.packages[0];
        assert_eq!((&*package.name, &*package.folder), ("b", "b"));
        assert_eq!(workspace.libraries().count(), 1);
        assert_eq!((package.readme.as_deref(), package.keywords), (Some("README.md"), 2));
        let dependencies = package.dependencies.iter();
        let dependencies: Vec<_> = dependencies.map(|one| (&*one.name, one.for_tests)).collect();
        assert_eq!(dependencies, [("a", false), ("d", true)]);
    }

    #[test]
    fn a_missing_table_is_not_taken_for_an_empty_one() {
        let metadata = json!({
            "workspace_root": "/", "target_directory": "/", "metadata": null, "packages": [],
        });
        assert!(Workspace::parse(&metadata).is_none());
    }
}
