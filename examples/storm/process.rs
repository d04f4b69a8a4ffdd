//! What `/proc` tells about a process: its processor time, its memory, what else the machine is busy with.

use std::{collections::BTreeMap, fs, time::Duration};

use anyhow::{Context as _, Result};

/// Ticks a second of the times in `/proc/PID/stat`: 100 on every Linux.
const TICKS: u64 = 100;

/// Processor time that a process has used, in user and system mode.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    ticks(&fs::read_to_string(format!("/proc/{pid}/stat"))?).context("`/proc/PID/stat` is not as expected")
}

/// The same by the names of its threads, most first; threads that have ended are missing.
pub(crate) fn cpu_by_thread(pid: u32) -> Result<BTreeMap<String, Duration>> {
    let mut sums = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        let Ok(stat) = fs::read_to_string(task.path().join("stat")) else { continue };
        if let (Some(name), Some(time)) = (thread_name(&stat), ticks(&stat)) {
            *sums.entry(name).or_default() += time;
        }
    }
    Ok(sums)
}

/// The name of a thread without the number at its end, so that workers count together.
fn thread_name(stat: &str) -> Option<String> {
    let name = stat.get(stat.find('(')? + 1..stat.rfind(')')?)?;
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | '_' | ' '));
    Some(if plain.is_empty() { name } else { plain }.to_owned())
}

fn ticks(stat: &str) -> Option<Duration> {
    // The name may hold spaces and brackets; user and system time are the 12th and 13th fields behind it.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Duration::from_millis((user + system) * 1000 / TICKS))
}

/// Memory of a process in megabytes of 1,000,000 bytes.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(crate) struct Memory {
    /// Resident now.
    pub(crate) resident: f64,
    /// Most ever resident, or since [`forget_peak`].
    pub(crate) peak: f64,
}

/// Its memory now.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').trim().strip_suffix(" kB")?.parse::<u32>().ok()
    };
    let megabytes = |name| {
        let kib = field(name).with_context(|| format!("no `{name}` in `/proc/PID/status`"))?;
        Ok::<_, anyhow::Error>(f64::from(kib) * 1024.0 / 1e6)
    };
    Ok(Memory { resident: megabytes("VmRSS")?, peak: megabytes("VmHWM")? })
}

/// How many processes ran or wanted to, over the last minute.
pub(crate) fn load_average() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    let first = text.split(' ').next().unwrap_or_default();
    first.parse().context("`/proc/loadavg` is not as expected")
}

/// Makes the peak count from now on.
pub(crate) fn forget_peak(pid: u32) -> Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").context("could not reset the peak of the memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "42 (bots 1) (x-3) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0 100 0 0";

    #[test]
    fn times_are_found_behind_a_name_with_brackets() {
        assert_eq!(ticks(STAT), Some(Duration::from_secs(2)));
        assert_eq!(ticks("42"), None);
    }

    #[test]
    fn numbered_threads_have_one_name() {
        assert_eq!(thread_name(STAT), Some("bots 1) (x".to_owned()));
        assert_eq!(thread_name("1 (actix-rt|system:0|arbiter:1) S"), Some("actix-rt|system:0|arbiter".to_owned()));
        assert_eq!(thread_name("1 (7) S"), Some("7".to_owned()));
    }

    #[test]
    fn this_process_has_memory_and_threads() {
        let pid = std::process::id();
        let memory = memory(pid).unwrap();
        assert!(memory.resident > 0.0 && memory.peak >= memory.resident);
        assert!(!cpu_by_thread(pid).unwrap().is_empty());
        cpu(pid).unwrap();
        assert!(load_average().unwrap() >= 0.0);
    }
}
