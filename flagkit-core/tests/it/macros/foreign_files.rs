//! A file named `flags.toml` that is not a flag file of the project does not break the build.

use super::project::Project;

const CODE: &str = "fn main() {\n    println!(\"{}\", flagkit_core::flag!(\"new-checkout\"));\n}\n";

#[test]
fn the_file_of_another_tool_is_ignored_until_it_declares_flags() {
    let project = Project::new();
    project.write("app/src/main.rs", CODE);
    project.write("app/flags.toml", "opt_level = \"speed\"\n");
    project.builds(None);
    // The compiler follows the file, although it is no flag file yet.
    project.write("app/flags.toml", "opt_level = \"speed\"\n[flags]\nold-banner = false\n");
    let errors = project.fails(None);
    assert!(errors.contains("cannot find the flag `new-checkout`"), "{errors}");
    project.write("app/flags.toml", "opt_level = \"speed\"\nflags = \"-O2\"\n");
    project.builds(None);
}

#[test]
fn a_file_outside_of_the_workspace_is_ignored() {
    let project = Project::new();
    let dependencies = std::fs::read_to_string(project.path("app/Cargo.toml")).expect("a file");
    project.write("app/Cargo.toml", &format!("[workspace]\n{dependencies}"));
    std::fs::copy(project.path("Cargo.lock"), project.path("app/Cargo.lock")).expect("a file");
    project.remove("Cargo.toml");
    project.write("app/src/main.rs", CODE);
    project.write("flags.toml", "[flags]\ndebug = true\n");
    project.builds(None);

    // In a repository, the file belongs to the project.
    std::fs::create_dir(project.path(".git")).expect("a folder");
    project.write("app/src/main.rs", &format!("{CODE}\n// Changed.\n"));
    let errors = project.fails(None);
    assert!(errors.contains("cannot find the flag `new-checkout`"), "{errors}");
}

/// Types each piece of advice in an error about a file of another tool.
#[test]
fn the_error_says_how_to_use_another_file() {
    let project = Project::new();
    project.write("app/src/main.rs", CODE);
    project.write("config/flags.toml", "[flags]\nnew-checkout = false\n");
    for foreign in ["[flags]\ndebug = true\n", "[flags\n"] {
        project.write("flags.toml", foreign);
        let errors = project.fails(None);
        assert!(errors.contains("to use another flag file, set `FLAGKIT_MANIFEST` to its path"), "{errors}");
        assert!(errors.contains("to check no keys, set it to `off`"), "{errors}");
        // Relative to the folder of the crate, and absolute.
        project.builds(Some("../config/flags.toml"));
        project.builds(project.path("config/flags.toml").to_str());
        project.builds(Some("off"));
        // For every build: in the configuration of cargo, where a path may be relative to its folder.
        project.write(
            ".cargo/config.toml",
            "[env]\nFLAGKIT_MANIFEST = { value = \"config/flags.toml\", relative = true }\n",
        );
        project.builds(None);
        project.write(".cargo/config.toml", "[env]\nFLAGKIT_MANIFEST = \"off\"\n");
        project.builds(None);
        project.remove(".cargo/config.toml");
    }
    let errors = project.fails(Some("../config"));
    assert!(errors.contains("config: got a directory, expected a file"), "{errors}");
}
