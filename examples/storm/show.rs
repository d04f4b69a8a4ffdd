//! The report for a person to read.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use crate::{
    figures::{Flow, Report, Times},
    stage::float,
};

/// The whole report as text.
pub(crate) fn text(report: &Report) -> String {
    let mut out = String::new();
    conditions(&mut out, report);
    flows(&mut out, report);
    for flow in &report.flows {
        where_time_goes(&mut out, flow);
    }
    scenes(&mut out, report);
    strains(&mut out, report);
    aims(&mut out, report);
    for failure in &report.failures {
        let _ = writeln!(out, "\nNOT MEASURED: {failure}");
    }
    out
}

fn conditions(out: &mut String, report: &Report) {
    let it = &report.conditions;
    let _ = writeln!(
        out,
        "{} cores, driver ({} threads) and upstream on the same ones; data on {}, a synced write of 4 KiB {:.2} ms (median); \
         {} connections, {} s a load",
        it.cores, it.driver_threads, it.file_system, it.sync_ms, it.connections, it.seconds
    );
    #[expect(clippy::cast_precision_loss, reason = "machines have few cores")]
    if it.busy > it.cores as f64 / 4.0 {
        let _ = writeln!(
            out,
            "the machine was busy with other things before the start (load average {:.1}): what follows is too slow",
            it.busy
        );
    }
    if it.file_system == "tmpfs" {
        let _ = writeln!(out, "syncs cost nothing on tmpfs: name a folder on a disk with `--dir`");
    }
    if it.debug_build {
        let _ = writeln!(out, "THIS IS A DEBUG BUILD: no number here means anything");
    }
    if let Some(rate) = report.bare_rate() {
        let runs: Vec<_> = report.bare.iter().map(|rate| format!("{rate:.0}")).collect();
        let _ = writeln!(out, "bare actix-web handler: {rate:.0} acks/s ({})", runs.join(", "));
    }
}

fn flows(out: &mut String, report: &Report) {
    if report.flows.is_empty() {
        return;
    }
    let mut table = plain_table(&[
        "load",
        "bots",
        "webhooks",
        "acks/s",
        "ack p50",
        "p99 ms",
        "replies/s",
        "reply p50",
        "p99 ms",
        "lost",
        "twice",
        "order",
        "other",
        "CPU ms",
        "RSS MB",
        "peak",
    ]);
    for flow in &report.flows {
        let times = |times: Option<Times>| {
            times.map_or(["–".to_owned(), "–".to_owned()], |times| {
                [format!("{:.1}", times.p50), format!("{:.1}", times.p99)]
            })
        };
        let ([ack50, ack99], [reply50, reply99]) = (times(flow.ack_ms), times(flow.reply_ms));
        table.add_row([
            flow.name.clone(),
            flow.bots.to_string(),
            flow.accepted.to_string(),
            format!("{:.0}", flow.acks_per_second),
            ack50,
            ack99,
            format!("{:.0}", flow.replies_per_second),
            reply50,
            reply99,
            flow.faults.lost.to_string(),
            flow.faults.duplicated.to_string(),
            flow.faults.out_of_order.to_string(),
            (flow.faults.misdirected + flow.faults.stray).to_string(),
            format!("{:.3}", flow.cpu_ms),
            format!("{:.1}", flow.memory.resident),
            format!("{:.1}", flow.memory.peak),
        ]);
    }
    let _ = writeln!(out, "\n{}", right_aligned(table));
    for flow in report.flows.iter().filter(|flow| !flow.refused.is_empty()) {
        let refused: Vec<_> = flow.refused.iter().map(|(status, count)| format!("{count} × {status}")).collect();
        let _ = writeln!(out, "{}: not accepted: {} (0: the connection broke)", flow.name, refused.join(", "));
    }
}

fn where_time_goes(out: &mut String, flow: &Flow) {
    let mut threads: Vec<_> = flow.cpu_ms_by_thread.iter().filter(|(_, ms)| **ms >= 0.0005).collect();
    threads.sort_by(|a, b| b.1.total_cmp(a.1));
    let threads: Vec<_> = threads.iter().take(8).map(|(name, ms)| format!("{name} {ms:.3}")).collect();
    let _ = writeln!(
        out,
        "{}: CPU ms a webhook by thread: {}; driver and upstream {:.3}; reads {:.2} a webhook",
        flow.name,
        threads.join(", "),
        flow.own_cpu_ms,
        flow.reads
    );
}

fn scenes(out: &mut String, report: &Report) {
    for fleet in &report.fleets {
        let start = &fleet.start;
        let _ = write!(
            out,
            "\n{} bots: {} webhooks registered with {} requests {:.2} s after the start; {:.1} MB idle (peak {:.1})",
            start.bots, start.webhooks, start.requests, start.seconds, fleet.idle.resident, fleet.idle.peak
        );
        if let Some((seconds, memory)) = &fleet.each_answered {
            let _ = write!(
                out,
                "; one message to each, all answered in {seconds:.2} s; then {:.1} MB (peak {:.1})",
                memory.resident, memory.peak
            );
        }
        let _ = writeln!(out);
    }
    if let Some(it) = &report.definitions {
        let _ = writeln!(
            out,
            "\n{} definitions of {:.1} KB, the whole language used: checked in {:.2} to {:.2} s; \
             a bot of each, idle: {:.1} MB (peak {:.1})",
            it.bots,
            float(it.bytes) / 1e3,
            it.check_seconds.0,
            it.check_seconds.1,
            it.idle.resident,
            it.idle.peak
        );
    }
    if let Some(it) = &report.backlog {
        let _ = writeln!(
            out,
            "\nbacklog: {} events waiting; idle {:.1} MB, then {:.1} MB (peak {:.1}, {:.2} times idle); \
             answered in {:.1} s after the release (peak {:.1} MB)",
            it.waiting,
            it.idle.resident,
            it.full.resident,
            it.full.peak,
            it.times_idle(),
            it.drained_seconds,
            it.drained_peak_mb
        );
    }
    if let Some(it) = &report.slow_sync {
        let _ = writeln!(
            out,
            "\nsyncs {} ms slower: {:.0} acks/s over {} connections; one commit a row makes at most {:.0} \
             (1000 / (delay + sync)), one connection made {:.0}: {:.1} times",
            it.delay_ms,
            it.all_connections,
            it.connections,
            it.one_commit_a_row,
            it.one_connection,
            it.ratio()
        );
    }
}

fn strains(out: &mut String, report: &Report) {
    if let Some(it) = &report.flood {
        let _ = writeln!(
            out,
            "\nflood, as shipped: {} events to one bot; replies of others p50 {:.1}, p99 {:.1} ms alone, {:.1} and {:.1} ms \
             beside it",
            it.shipped.accepted,
            it.shipped.alone.p50,
            it.shipped.alone.p99,
            it.shipped.beside.p50,
            it.shipped.beside.p99
        );
        let it = &it.lifted;
        let _ = writeln!(
            out,
            "flood, a token's budget lifted: {} events to one bot, all answered after {:.1} s; another bot's reply p50 \
             {:.1}, p99 {:.1} ms alone, {:.1} and {:.1} ms beside it",
            it.accepted, it.seconds, it.alone.p50, it.alone.p99, it.beside.p50, it.beside.p99
        );
    }
    for it in &report.restarts {
        let _ = writeln!(
            out,
            "\nrestart with {} bots at {:.0} webhooks a second: ended {:.0} ms after SIGTERM; last 200 before SIGTERM to \
             first 200 of the new process {:.0} ms; nobody accepted for {:.0} ms, {} of {} webhooks; lost {}, twice {}",
            it.bots,
            it.rate,
            it.drain_ms,
            it.between_ms,
            it.gap_ms,
            it.not_accepted,
            it.sent,
            it.faults.lost,
            it.faults.duplicated
        );
    }
    if let Some(it) = &report.soak {
        let _ = writeln!(
            out,
            "\nsoak: {} events to {} bots in {:.0} s, {:.0} a second: {:.1} MB warm, {:.1} MB at the end, {:+.2} MB a \
             minute; log at most {:.1} MB, database {:.1} MB",
            it.events,
            it.bots,
            it.seconds,
            it.rate,
            it.memory_warm,
            it.memory_end,
            it.slope_a_minute,
            it.log_most,
            it.database_end
        );
    }
}

fn aims(out: &mut String, report: &Report) {
    if report.aims.is_empty() {
        return;
    }
    let mut table = plain_table(&["", "measured", "aim", ""]);
    for aim in &report.aims {
        let number = |value: f64| if value < 10.0 { format!("{value:.3}") } else { format!("{value:.0}") };
        table.add_row([
            aim.what.to_owned(),
            format!("{} {}", number(aim.measured), aim.unit),
            format!("{} {} {}", if aim.at_least { "≥" } else { "≤" }, number(aim.wanted), aim.unit),
            if aim.is_met() { "met" } else { "MISSED" }.to_owned(),
        ]);
    }
    let _ = writeln!(out, "\n{}", right_aligned(table));
}

fn plain_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

fn right_aligned(mut table: Table) -> String {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}
