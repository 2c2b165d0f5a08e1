//! What makes a release: the Debian package, the workflows, the Containerfile.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::cli::report;
use crate::client::python;

const TREE: &str = env!("CARGO_MANIFEST_DIR");
const PROGRAM: &str = env!("CARGO_BIN_EXE_tallymark");
const MANIFEST: &str = include_str!("../../Cargo.toml");
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn manifest() -> toml::Table {
    MANIFEST.parse().expect("cargo reads it, too")
}

/// The table that cargo-deb reads.
fn description() -> toml::Table {
    manifest()["package"]["metadata"]["deb"].as_table().unwrap().clone()
}

fn text<'t>(table: &'t toml::Table, key: &str) -> &'t str {
    table[key].as_str().unwrap_or_else(|| panic!("{key} is a text"))
}

/// What a command printed and complained about.
fn printed(done: &Output) -> String {
    String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr)
}

fn succeeds(command: &mut Command) -> String {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(done.status.success(), "{command:?}: {}", printed(&done));
    printed(&done)
}

/// As root, or as what takes itself for root.
fn as_root(program: &str) -> Command {
    if fs::metadata("/proc/self").is_ok_and(|of_us| std::os::unix::fs::MetadataExt::uid(&of_us) == 0) {
        return Command::new(program);
    }
    let mut command = Command::new("fakeroot");
    command.arg(program);
    command
}

/// Builds the package that `[package.metadata.deb]` describes, with the program under test.
fn build(folder: &Path) -> PathBuf {
    let description = description();
    let tree = folder.join("tree");
    for asset in description["assets"].as_array().unwrap() {
        let [from, to, mode] = [0, 1, 2].map(|at| asset[at].as_str().unwrap());
        let from = match from {
            "target/release/tallymark" => PathBuf::from(PROGRAM),
            "target/man/tallymark.1" => {
                let page = folder.join("tallymark.1");
                fs::write(&page, succeeds(Command::new(PROGRAM).arg("man"))).unwrap();
                page
            }
            path => Path::new(TREE).join(path),
        };
        let to = tree.join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(&from, &to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        let mode = u32::from_str_radix(mode, 8).unwrap();
        fs::set_permissions(&to, fs::Permissions::from_mode(mode)).unwrap();
    }
    let about = tree.join("DEBIAN");
    fs::create_dir(&about).unwrap();
    for script in fs::read_dir(Path::new(TREE).join(text(&description, "maintainer-scripts"))).unwrap() {
        let script = script.unwrap();
        fs::copy(script.path(), about.join(script.file_name())).unwrap();
    }
    let settings: Vec<_> = description["conf-files"].as_array().unwrap().iter().collect();
    let settings: String = settings
        .iter()
        .map(|path| format!("{}\n", path.as_str().unwrap()))
        .collect();
    fs::write(about.join("conffiles"), settings).unwrap();
    let architecture = succeeds(Command::new("dpkg").arg("--print-architecture"));
    let control = format!(
        "Package: tallymark\nVersion: {VERSION}-1\nArchitecture: {}\nMaintainer: {}\nSection: {}\nPriority: {}\n\
         Depends: {}\nRecommends: {}\nDescription: {}\n {}\n",
        architecture.trim(),
        text(&description, "maintainer"),
        text(&description, "section"),
        text(&description, "priority"),
        // cargo-deb puts the C library in the place of the first.
        text(&description, "depends").replace("$auto, ", ""),
        text(&description, "recommends"),
        manifest()["package"]["description"].as_str().unwrap(),
        text(&description, "extended-description").replace('\n', "\n "),
    );
    fs::write(about.join("control"), control).unwrap();
    let package = folder.join("tallymark.deb");
    succeeds(
        Command::new("dpkg-deb")
            .args(["--root-owner-group", "-Znone", "--build"])
            .args([&tree, &package]),
    );
    package
}

/// A system of its own below a folder, for dpkg.
struct Root {
    folder: PathBuf,
}

impl Root {
    fn new(folder: PathBuf) -> Self {
        for below in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "etc", "var/log"] {
            fs::create_dir_all(folder.join(below)).unwrap();
        }
        fs::write(folder.join("var/lib/dpkg/status"), "").unwrap();
        Self { folder }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path.trim_start_matches('/'))
    }

    /// dpkg, in this system; its scripts run outside of it, and are told where it is.
    fn dpkg(&self, arguments: &[&str]) -> String {
        let mut dpkg = as_root("dpkg");
        dpkg.arg(format!("--root={}", self.folder.display()))
            .arg(format!("--log={}", self.path("var/log/dpkg.log").display()))
            .args(["--force-script-chrootless", "--force-depends", "--force-confold"])
            .args(arguments)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        succeeds(&mut dpkg)
    }

    /// The command line of the installed unit, with the installed program and settings.
    fn service(&self) -> Vec<String> {
        let unit = fs::read_to_string(self.path("usr/lib/systemd/system/tallymark.service")).unwrap();
        let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let mut words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        assert_eq!(words[0], "tallymark");
        words[0] = self.path("usr/bin/tallymark").display().to_string();
        for word in &mut words[1..] {
            if word.starts_with('/') {
                *word = self.path(word).display().to_string();
            }
        }
        words
    }
}

/// A command of the installed program, as the service would run it, with a database of its own.
fn installed(root: &Root, database: &Path, arguments: &[&str]) -> Command {
    let service = root.service();
    let mut command = Command::new(&service[0]);
    let before_serve = service[1..].iter().take_while(|word| *word != "serve");
    command
        .args(before_serve)
        .args(arguments)
        .current_dir(database)
        .env("TALLYMARK__DATABASE__DIR", database)
        .env("TALLYMARK__HTTP__LISTEN", "127.0.0.1:0");
    command
}

#[test]
fn debian_package_installs_serves_and_leaves_reports_behind() {
    let folder = tempfile::tempdir().unwrap();
    let package = build(folder.path());
    let root = Root::new(folder.path().join("root"));
    root.dpkg(&["--install", package.to_str().unwrap()]);
    let status = root.dpkg(&["--status", "tallymark"]);
    assert!(status.contains("\nStatus: install ok installed\n"), "{status}");
    let users = fs::read_to_string(root.path("etc/passwd")).unwrap();
    assert!(
        users.contains("\ntallymark:") || users.starts_with("tallymark:"),
        "{users}"
    );

    let database = root.path("var/lib/tallymark");
    fs::create_dir_all(&database).unwrap();
    let run = |arguments: &[&str]| succeeds(&mut installed(&root, &database, arguments));
    assert!(run(&["--version"]).contains(VERSION));
    let settings = root.path("etc/tallymark/tallymark.toml");
    run(&["config", "check", settings.to_str().unwrap()]);
    let mail = folder.path().join("report.xml");
    fs::write(&mail, report("packaged", 17)).unwrap();
    run(&["import", "--add-domains", mail.to_str().unwrap()]);
    let listed = run(&["reports", "list", "example.com"]);
    assert!(
        listed.contains("reporter.example") && listed.contains(" 17 "),
        "{listed}"
    );

    let mut serving = installed(&root, &database, &["serve"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(serving.stdout.take().unwrap()).lines();
    let address = lines.find_map(|line| Some(line.unwrap().split_once("http://")?.1.trim().to_owned()));
    let ready = succeeds(Command::new("curl").args(["-sf", &format!("http://{}/readyz", address.unwrap())]));
    assert!(ready.contains("\"status\":\"ready\""), "{ready}");
    succeeds(Command::new("kill").arg(serving.id().to_string()));
    assert!(serving.wait().unwrap().success(), "SIGTERM ends it well");

    fs::write(&settings, "# changed by the operator\n").unwrap();
    root.dpkg(&["--install", package.to_str().unwrap()]);
    assert!(
        fs::read_to_string(&settings).unwrap().starts_with("# changed"),
        "an upgrade"
    );
    root.dpkg(&["--remove", "tallymark"]);
    assert!(!root.path("usr/bin/tallymark").exists());
    assert!(settings.exists(), "settings stay until the package is purged");
    root.dpkg(&["--purge", "tallymark"]);
    assert!(!settings.exists());
    assert!(database.join("tallymark.sqlite").exists(), "reports stay");
}

/// A package whose settings are no longer marked as such would overwrite those of the operator.
#[test]
fn package_marks_its_settings_and_scripts_fail_on_errors() {
    let description = description();
    let to = |asset: &toml::Value| format!("/{}", asset[1].as_str().unwrap());
    let installed: Vec<_> = description["assets"].as_array().unwrap().iter().map(to).collect();
    let settings = description["conf-files"].as_array().unwrap();
    for path in installed.iter().filter(|path| path.starts_with("/etc/")) {
        assert!(settings.iter().any(|known| known.as_str() == Some(path)), "{path}");
    }
    for script in ["postinst", "prerm", "postrm"] {
        let path = Path::new(TREE).join("packaging/debian").join(script);
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("#!/bin/sh\n") && text.contains("\nset -e\n"),
            "{script}"
        );
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o111,
            0o111,
            "{script}"
        );
        succeeds(Command::new("sh").arg("-n").arg(&path));
    }
}

/// What the forge's own parser says of workflow files.
fn complaints(files: &[PathBuf]) -> (bool, String) {
    let modules = Path::new(TREE).join("target/browser");
    assert!(
        modules.join("node_modules/@actions/workflow-parser").is_dir(),
        "./test installs what this test needs"
    );
    let done = Command::new("node")
        .arg(Path::new(TREE).join("tests/browser/workflows.mjs"))
        .args(files)
        .env("BROWSER_MODULES", modules)
        .output()
        .unwrap();
    (done.status.success(), printed(&done))
}

fn workflows() -> Vec<PathBuf> {
    let folder = Path::new(TREE).join(".github/workflows");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn workflows_are_valid_for_the_parser_of_the_forge() {
    let files = workflows();
    assert_eq!(files.len(), 2);
    assert_eq!(complaints(&files), (true, String::new()));
    let folder = tempfile::tempdir().unwrap();
    let release = fs::read_to_string(&files[0]).unwrap();
    for (from, to, what) in [
        ("needs: check", "needs: chek", "chek"),
        ("runs-on: ubuntu", "run-on: ubuntu", "run-on"),
        ("secrets.GITHUB_TOKEN }}", "secrets.GITHUB_TOKEN( }}", "symbol"),
        ("timeout-minutes: 10", "timeout-minutes: soon", "soon"),
    ] {
        assert!(release.contains(from), "{from}");
        let path = folder.path().join("release.yml");
        fs::write(&path, release.replacen(from, to, 1)).unwrap();
        let (valid, printed) = complaints(&[path]);
        assert!(!valid && printed.contains(what), "{to}: {printed}");
    }
}

/// Files that a workflow names and that are not in the tree.
fn missing(workflow: &str) -> Vec<&str> {
    let separators = |c: char| c.is_whitespace() || "\"'()".contains(c);
    let words = workflow.split(separators);
    let named = words.filter(|word| {
        ["packaging/", "fixtures/", "tests/", "docs/", "./"]
            .iter()
            .any(|start| word.starts_with(start))
    });
    named.filter(|path| !Path::new(TREE).join(path).exists()).collect()
}

#[test]
fn workflows_name_files_and_versions_that_exist() {
    let manifest = manifest();
    let rust = manifest["package"]["rust-version"].as_str().unwrap();
    for path in workflows() {
        let workflow = fs::read_to_string(&path).unwrap();
        let plain: String = workflow
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect::<Vec<_>>()
            .join("\n");
        assert_eq!(missing(&plain), Vec::<&str>::new(), "{}", path.display());
        assert!(
            workflow.contains(&format!("\n  RUST_VERSION: \"{rust}\"\n")),
            "{}",
            path.display()
        );
        let used = workflow.lines().filter_map(|line| line.trim().strip_prefix("- uses: "));
        for action in used {
            assert!(action.starts_with("actions/") && action.contains("@v"), "{action}");
        }
        for profile in workflow.split("--profile ").skip(1) {
            let name = profile.split_whitespace().next().unwrap();
            let is_known = name == "minimal" || manifest["profile"].get(name).is_some();
            assert!(is_known, "{}: there is no profile {name}", path.display());
        }
    }
    let container = fs::read_to_string(Path::new(TREE).join("packaging/Containerfile")).unwrap();
    assert!(
        container.contains(&format!("/rust:{rust}-slim-")),
        "the same version of Rust"
    );
    assert_eq!(
        missing("run: ./tests.sh packaging/Containerfil"),
        ["./tests.sh", "packaging/Containerfil"]
    );
}

#[test]
fn container_file_passes_its_linter() {
    let lint = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Containerfile");
        fs::write(&path, text).unwrap();
        let done = python("hadolint").arg("--no-color").arg(&path).output().unwrap();
        (done.status.success(), printed(&done))
    };
    let text = fs::read_to_string(Path::new(TREE).join("packaging/Containerfile")).unwrap();
    assert_eq!(lint(&text), (true, String::new()));
    for (from, to, rule) in [
        ("WORKDIR /source", "WORKDIR source", "DL3000"),
        ("USER 10001:10001", "USER root", "DL3002"),
        ("debian:bookworm-slim", "debian", "DL3006"),
    ] {
        assert!(text.contains(from), "{from}");
        let (passes, printed) = lint(&text.replace(from, to));
        assert!(!passes && printed.contains(rule), "{to}: {printed}");
    }
}
