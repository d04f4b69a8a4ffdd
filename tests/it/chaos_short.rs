//! The short form of `make chaos`: the same code, few kills. Its timing is that of the machine, its verdict is not.

use std::{ops::Range, path::PathBuf, time::Duration};

use crate::{
    chaos::{self, Options},
    sim_support::on_arbiter,
};

#[test]
fn whatever_is_killed_nothing_accepted_is_lost_or_doubled_or_overtaken() {
    botyard::net::install_tls();
    let life_ms: Range<u64> = 300..1_500;
    let options = Options {
        botyard: PathBuf::from(env!("CARGO_BIN_EXE_botyard")),
        dir: PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
        seed: 4,
        kills: 6,
        // Both only end what would hang.
        time: Duration::from_mins(1),
        patience: Duration::from_mins(1),
        bots: 14,
        rate: 32,
        life_ms,
    };
    on_arbiter(async {
        let outcome = chaos::run(&options, &|_| {}).await.unwrap();
        assert!(outcome.is_sound(), "{}", chaos::text(&outcome));
        assert!(outcome.kills >= 6 && outcome.verdict.accepted > 20, "{}", chaos::text(&outcome));
    });
}
