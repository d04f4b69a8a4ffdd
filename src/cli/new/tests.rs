use super::*;
use crate::{
    brain,
    cli::test,
    definition::{self, Loader},
};

fn bot(name: &str) -> BotId {
    BotId::parse(name).unwrap()
}

#[test]
fn every_starter_passes_check_and_test_at_once() {
    for starter in starters::ALL {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("bots.d");
        write(&dir, &bot("my-bot"), starter).map_err(|_told| starter.name).unwrap();
        let compile = brain::compiler(brain::Policy::default());
        let set = Loader::default().load(&definition::scan(std::slice::from_ref(&dir)), |definition| {
            let compiled = compile(&definition);
            (compiled.program, compiled.diagnostics)
        });
        assert_eq!((set.definitions.len(), set.diagnostics), (1, vec![]), "{}", starter.name);
        assert_eq!(test::passed(&dir), Ok(()), "{}", starter.name);
    }
}

#[test]
fn nothing_is_overwritten_and_nothing_is_half_written() {
    let starter = starters::find("echo").unwrap();
    for there in ["x.toml", "x.test.toml", "x/bot.toml"] {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(there).parent().unwrap()).unwrap();
        fs::write(root.path().join(there), "mine").unwrap();
        assert!(write(root.path(), &bot("x"), starter).is_err(), "{there}");
        assert_eq!(fs::read_to_string(root.path().join(there)).unwrap(), "mine");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}

#[test]
fn the_name_stands_in_the_files_also_where_it_names_a_variable() {
    for (name, expected) in [("on-call", "env:ON_CALL_TOKEN"), ("2fa", "env:BOT_2FA_TOKEN")] {
        let files = starters::find("echo").unwrap().files(&bot(name));
        assert_eq!(files[0].0, format!("{name}.toml"));
        assert!(files[0].1.contains(expected) && files[0].1.contains(&format!("token set {name}`")), "{}", files[0].1);
    }
}

#[test]
fn what_was_done_and_what_to_try_is_told() {
    let starter = starters::find("commands").unwrap();
    let written = vec![PathBuf::from("bots.d/x.toml"), PathBuf::from("bots.d/x.test.toml")];
    insta::assert_snapshot!(next(Path::new("bots.d"), &bot("x"), starter, &written));
    assert!(starters::find("ecko").unwrap_err().contains("`echo`"));
    assert!(starters::list().contains("commands"));
}
