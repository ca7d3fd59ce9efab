//! The parts of CI, each a name, what it runs, and an error that says which part it was.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::cargo::{Cargo, say};
use crate::files::{self, File};
use crate::metadata::Workspace;
use crate::problem::none_of;
use crate::{layers, links, packages, snapshots, tidy};

pub(crate) struct Parts {
    workspace: Workspace,
}

/// What a test run does with snapshots: it compares them, and may note which.
pub(crate) struct Snapshots {
    references: Option<PathBuf>,
}

impl Snapshots {
    pub(crate) fn compare() -> Self {
        Self { references: None }
    }
}

impl Parts {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let workspace = Workspace::read()?;
        Ok(Self { workspace })
    }

    /// The tests run once: what they noted of snapshots serves the snapshot part.
    pub(crate) fn ci(&self) -> anyhow::Result<()> {
        self.lint()?;
        let noting = self.note_references()?;
        self.test(&noting)?;
        self.integration(&noting)?;
        self.look_at_snapshots(&noting).context("snapshot failed")?;
        self.packages()?;
        self.loom()?;
        self.docs()?;
        say("ci: every part passed");
        Ok(())
    }

    pub(crate) fn lint(&self) -> anyhow::Result<()> {
        self.layers()?;
        self.tidy()?;
        self.cargo(Cargo::new(&["fmt", "--all", "--check"]), "lint")?;
        let clippy = [
            "clippy",
            "--workspace",
            "--all-features",
            "--all-targets",
            "--",
            "--deny=warnings",
            "--deny=clippy::too_many_lines",
        ];
        self.cargo(Cargo::new(&clippy), "lint")
    }

    pub(crate) fn layers(&self) -> anyhow::Result<()> {
        self.check_layers().context("lint failed: layers")?;
        say("layers: as the table says");
        Ok(())
    }

    fn check_layers(&self) -> anyhow::Result<()> {
        let mut problems = layers::check(&self.workspace);
        problems.extend(layers::check_page(&self.page()?, &self.workspace)?);
        none_of(problems)
    }

    pub(crate) fn write_layers(&self) -> anyhow::Result<()> {
        let page = layers::renew(&self.page()?, &self.workspace)?;
        let path = self.workspace.top.join(layers::PAGE);
        std::fs::write(path, page).with_context(|| format!("writing {}", layers::PAGE))
    }

    fn page(&self) -> anyhow::Result<String> {
        let path = self.workspace.top.join(layers::PAGE);
        std::fs::read_to_string(path).with_context(|| format!("reading {}", layers::PAGE))
    }

    pub(crate) fn tidy(&self) -> anyhow::Result<()> {
        let files = self.files()?;
        none_of(tidy::check(&files)).context("lint failed: tidy")?;
        say(&format!("tidy: {} files in order", files.len()));
        Ok(())
    }

    pub(crate) fn test(&self, snapshots: &Snapshots) -> anyhow::Result<()> {
        let units = ["test", "--workspace", "--all-features", "--lib", "--bins"];
        self.cargo(comparing(&units, snapshots), "test")?;
        let examples = ["test", "--workspace", "--all-features", "--doc"];
        self.cargo(Cargo::new(&examples), "test")
    }

    pub(crate) fn integration(&self, snapshots: &Snapshots) -> anyhow::Result<()> {
        let arguments = ["test", "--workspace", "--all-features", "--test", "*"];
        self.cargo(comparing(&arguments, snapshots), "integration")
    }

    /// What `ci` takes samples of, in full: every call fails once, and 200 losses of power.
    pub(crate) fn kill_anywhere(&self, cases: usize, seed: u64) -> anyhow::Result<()> {
        let tests = ["test", "-p", "cli", "--test", "it", "kill::"];
        let arguments = [&tests[..], &["--", "--nocapture", "--test-threads=1"]].concat();
        let cargo = Cargo::new(&arguments)
            .env("BELAY_CASES", cases.to_string())
            .env("BELAY_FAULTS", "0")
            .env("BELAY_CUTS", "200")
            .env("BELAY_MENDED", "40")
            .env("BELAY_SEED", seed.to_string());
        self.cargo(cargo, "kill-anywhere")
    }

    pub(crate) fn packages(&self) -> anyhow::Result<()> {
        packages::check(&self.workspace).context("packages failed")
    }

    /// In a target folder of its own, as everything is built anew under that flag.
    pub(crate) fn loom(&self) -> anyhow::Result<()> {
        let arguments =
            ["test", "--package", "circuit-breaker", "--release", "--lib", "interleavings"];
        let folder = self.workspace.target.join("loom");
        let cargo = Cargo::new(&arguments)
            .env("RUSTFLAGS", "--cfg loom")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_TARGET_DIR", folder.to_string_lossy());
        self.cargo(cargo, "loom")
    }

    /// Its unit and integration tests, with fewer threads, tries and rounds than elsewhere. Not
    /// isolated, as one of them reads the system's clocks.
    pub(crate) fn miri(&self) -> anyhow::Result<()> {
        let tests = ["test", "--package", "circuit-breaker", "--features", "serde,tower"];
        let arguments = [&["miri"][..], &tests, &["--lib", "--test", "it"]].concat();
        let cargo = Cargo::new(&arguments)
            .env("RUSTUP_TOOLCHAIN", "nightly")
            .env("MIRIFLAGS", "-Zmiri-disable-isolation");
        self.cargo(cargo, "miri").context(
            "if it is missing: `rustup toolchain install nightly --component miri,rust-src`",
        )
    }

    pub(crate) fn snapshot(&self) -> anyhow::Result<()> {
        let noting = self.note_references()?;
        let arguments = ["test", "--workspace", "--all-features", "--lib", "--bins", "--tests"];
        self.cargo(comparing(&arguments, &noting), "snapshot")?;
        self.look_at_snapshots(&noting).context("snapshot failed")
    }

    fn note_references(&self) -> anyhow::Result<Snapshots> {
        let folder = self.workspace.target.join("xtask");
        std::fs::create_dir_all(&folder).context("making the folder for notes on snapshots")?;
        let references = folder.join("snapshot-references.txt");
        // Emptied, as insta appends: an earlier run's notes would hide a snapshot left over.
        std::fs::write(&references, "").context("emptying the notes on snapshots")?;
        Ok(Snapshots { references: Some(references) })
    }

    fn look_at_snapshots(&self, noted: &Snapshots) -> anyhow::Result<()> {
        let files = self.files()?;
        let mut problems = snapshots::pending(&files);
        if let Some(references) = &noted.references {
            let text =
                std::fs::read_to_string(references).context("reading which were compared")?;
            problems.extend(snapshots::unreferenced(&files, &text, &self.workspace.top));
        }
        none_of(problems)?;
        say("snapshot: none pending, none unreferenced");
        Ok(())
    }

    /// The page knows the command line's inside, so the command line's own tests make it.
    pub(crate) fn reference(&self, write: bool) -> anyhow::Result<()> {
        let cargo = Cargo::new(&["test", "-p", "cli", "--bin", "belay", "reference::"]);
        let cargo = if write { cargo.env("BELAY_REFERENCE_WRITE", "1") } else { cargo };
        self.cargo(cargo, "reference")
    }

    pub(crate) fn docs(&self) -> anyhow::Result<()> {
        let problems = links::check(&self.files()?, &|path| self.workspace.top.join(path).exists());
        none_of(problems).context("docs failed: links")?;
        let arguments = ["doc", "--workspace", "--all-features", "--no-deps"];
        let cargo = Cargo::new(&arguments).env("RUSTDOCFLAGS", "--deny=warnings");
        self.cargo(cargo, "docs")
    }

    fn files(&self) -> anyhow::Result<Vec<File>> {
        files::read_all(&self.workspace.top)
    }

    #[expect(clippy::needless_pass_by_value, reason = "a call is built to be run once")]
    fn cargo(&self, cargo: Cargo<'_>, part: &str) -> anyhow::Result<()> {
        let result = cargo.run(&self.workspace.top);
        result.with_context(|| format!("{part} failed"))
    }
}

/// A test run that only compares snapshots: whatever differs or is new fails, none is written.
fn comparing<'a>(arguments: &'a [&'a str], snapshots: &Snapshots) -> Cargo<'a> {
    let cargo = Cargo::new(arguments).env("INSTA_UPDATE", "no").env("INSTA_FORCE_PASS", "0");
    match &snapshots.references {
        Some(references) => {
            cargo.env("INSTA_SNAPSHOT_REFERENCES_FILE", references.to_string_lossy())
        }
        None => cargo,
    }
}
