//! Settings: the file, the environment, the flags.

use super::{Home, fails, report, stdout};

#[test]
fn the_example_is_good_and_is_the_one_in_the_tree() {
    let home = Home::new();
    let example = stdout(&home.run(&["config", "example"]).success());
    assert_eq!(example, include_str!("../../../config.example.toml"));
    home.file("t.toml", &example);
    assert_eq!(
        stdout(&home.run(&["config", "check", "t.toml"]).success()),
        "t.toml is good\n"
    );
}

#[test]
fn a_wrong_setting_is_named_with_file_line_and_what_was_meant() {
    let home = Home::new();
    home.file("t.toml", "[http]\nlisten = \"127.0.0.1:1\"\nrate_brust = 3\n");
    let complaint = "t.toml:3: there is no setting http.rate_brust: did you mean http.rate_burst?";
    fails(&home, &["config", "check", "t.toml"], 1, complaint);
    fails(&home, &["--config", "t.toml", "accounts", "list"], 1, complaint);
    fails(&home, &["config", "check", "missing.toml"], 1, "missing.toml: ");
}

#[test]
fn the_folder_comes_from_the_flag_before_the_environment_before_the_file() {
    let home = Home::new();
    home.file("1.xml", report("one", 1));
    home.file("t.toml", "[database]\ndir = \"from-file\"\n");
    let there = |name: &str| home.path().join(name).join("tallymark.sqlite").exists();
    home.run(&["--config", "t.toml", "import", "1.xml"]).success();
    assert!(there("from-file"));
    let mut command = home.command(&["--config", "t.toml", "import", "1.xml"]);
    command
        .env("TALLYMARK__DATABASE__DIR", "from-environment")
        .assert()
        .success();
    assert!(there("from-environment"));
    let mut command = home.command(&["--config", "t.toml", "--data", "from-flag", "import", "1.xml"]);
    command
        .env("TALLYMARK__DATABASE__DIR", "from-environment")
        .assert()
        .success();
    assert!(there("from-flag") && !there("tallymark-data"));
}

#[test]
fn roles_of_a_node_are_known_words() {
    let home = Home::new();
    let known = "a node can be smtp, imap, api, jobs";
    fails(&home, &["serve", "--roles", "smtp,cook"], 2, known);
    home.file("t.toml", "[node]\nroles = [\"api\", \"cook\"]\n");
    fails(
        &home,
        &["config", "check", "t.toml"],
        1,
        "t.toml:2: node.roles: unknown variant `cook`, expected one of `smtp`, `imap`, `api`, `jobs`",
    );
    home.file("t.toml", "[node]\nroles = []\n");
    let nothing = "node.roles is empty: this node would do nothing";
    fails(&home, &["--config", "t.toml", "serve"], 1, nothing);
}
