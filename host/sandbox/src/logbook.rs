//! The log of one attempt: hostile text within a budget, then one `truncated` record and nothing more.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use model::log::{LogLevel, LogLine, LogSource};
use model::{Json, Limits};

/// The longest line of standard output that is kept in one piece, in bytes.
const MAX_CONSOLE_LINE: usize = 8 * 1024;

/// A log that the attempt and its standard streams write to.
#[derive(Clone)]
pub(crate) struct SharedLog(Arc<Mutex<Logbook>>);

impl SharedLog {
    pub(crate) fn new(limits: &Limits, started: Instant) -> Self {
        let ceiling = Limits::CEILING;
        Self(Arc::new(Mutex::new(Logbook {
            started,
            bytes_left: usize::try_from(limits.log_bytes.min(ceiling.log_bytes)).unwrap_or(0),
            records_left: limits.log_records.min(ceiling.log_records),
            bytes: 0,
            lines: Vec::new(),
            truncated: false,
            stdout: Vec::new(),
            stderr: Vec::new(),
        })))
    }

    /// The log, for as long as it takes to write a line.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Logbook> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lines so far and what is left of the budget.
pub(crate) struct Logbook {
    started: Instant,
    bytes_left: usize,
    records_left: u32,
    bytes: u64,
    lines: Vec<LogLine>,
    truncated: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Logbook {
    /// True once nothing more is kept.
    pub(crate) fn is_full(&self) -> bool {
        self.truncated
    }

    /// Writes one record, cut where the budget ends.
    pub(crate) fn write(
        &mut self,
        level: LogLevel,
        source: LogSource,
        message: &str,
        fields: Option<Json>,
    ) {
        if self.truncated {
            return;
        }
        // Postgres text cannot hold NUL. What stands for it is longer, and counts.
        let message = &*match message.contains('\0') {
            true => Cow::Owned(message.replace('\0', "\u{fffd}")),
            false => Cow::Borrowed(message),
        };
        let fields_len = fields.as_ref().map_or(0, Json::len);
        let whole = message.len() + fields_len <= self.bytes_left && self.records_left > 0;
        if whole {
            self.push(level, source, message, fields);
            return;
        }
        if self.records_left > 0 {
            let kept = message.floor_char_boundary(self.bytes_left.min(message.len()));
            if kept > 0 {
                self.push(level, source, &message[..kept], None);
            }
        }
        self.truncated = true;
        self.lines.push(LogLine {
            at_us: self.now_us(),
            level: LogLevel::Warn,
            source: LogSource::Host,
            message: "truncated: the log's budget for this attempt is used up".into(),
            fields: None,
        });
    }

    /// Takes what the guest wrote to a standard stream; each line becomes a record.
    pub(crate) fn console(&mut self, source: LogSource, bytes: &[u8]) {
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        for piece in lines.flat_map(|line| line.chunks(MAX_CONSOLE_LINE)) {
            if self.truncated {
                return;
            }
            if self.pending(source).len() + piece.len() > MAX_CONSOLE_LINE {
                self.flush(source);
            }
            let pending = self.pending(source);
            pending.extend_from_slice(piece);
            if piece.ends_with(b"\n") || pending.len() >= MAX_CONSOLE_LINE {
                self.flush(source);
            }
        }
    }

    /// Ends the log: an unfinished line is a line.
    pub(crate) fn finish(&mut self) -> (Vec<LogLine>, u64) {
        self.flush(LogSource::Stdout);
        self.flush(LogSource::Stderr);
        (std::mem::take(&mut self.lines), self.bytes)
    }

    fn pending(&mut self, source: LogSource) -> &mut Vec<u8> {
        match source {
            LogSource::Stderr => &mut self.stderr,
            LogSource::Stdout | LogSource::Log | LogSource::Host => &mut self.stdout,
        }
    }

    fn flush(&mut self, source: LogSource) {
        let pending = std::mem::take(self.pending(source));
        if pending.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&pending);
        let level = match source {
            LogSource::Stderr => LogLevel::Warn,
            LogSource::Stdout | LogSource::Log | LogSource::Host => LogLevel::Info,
        };
        self.write(level, source, text.trim_end_matches(['\n', '\r']), None);
    }

    fn push(&mut self, level: LogLevel, source: LogSource, message: &str, fields: Option<Json>) {
        let bytes = message.len() + fields.as_ref().map_or(0, Json::len);
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
        self.records_left -= 1;
        self.bytes += bytes as u64;
        let message = message.to_owned();
        self.lines.push(LogLine { at_us: self.now_us(), level, source, message, fields });
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(log_bytes: u64, log_records: u32) -> SharedLog {
        let limits = Limits { log_bytes, log_records, ..Limits::default() };
        SharedLog::new(&limits, Instant::now())
    }

    fn messages(log: &SharedLog) -> Vec<String> {
        log.lock().finish().0.into_iter().map(|line| line.message).collect()
    }

    #[test]
    fn after_the_last_record_there_is_one_truncated_record() {
        let log = log(1_000, 2);
        for n in 0..5 {
            log.lock().write(LogLevel::Info, LogSource::Log, &n.to_string(), None);
        }
        let messages = messages(&log);
        assert_eq!(messages.len(), 3);
        assert!(messages[2].starts_with("truncated"));
    }

    #[test]
    fn a_message_is_cut_at_a_character_where_the_bytes_end() {
        let log = log(4, 10);
        log.lock().write(LogLevel::Info, LogSource::Log, "aééé", None);
        assert_eq!(messages(&log)[0], "aé");
    }

    #[test]
    fn what_stands_for_a_nul_counts() {
        let log = log(30, 10);
        log.lock().write(LogLevel::Info, LogSource::Log, &"\0".repeat(20), None);
        let (lines, bytes) = log.lock().finish();
        assert_eq!((lines[0].message.len(), bytes), (30, 30));
    }

    #[test]
    fn a_line_without_an_end_is_cut_into_records() {
        let log = log(100_000, 10);
        log.lock().console(LogSource::Stdout, b"x");
        log.lock().console(LogSource::Stdout, &vec![b'y'; 2 * MAX_CONSOLE_LINE]);
        let lengths: Vec<usize> = messages(&log).iter().map(String::len).collect();
        assert!(lengths.iter().all(|length| *length <= MAX_CONSOLE_LINE), "{lengths:?}");
        assert_eq!(lengths.iter().sum::<usize>(), 2 * MAX_CONSOLE_LINE + 1);
    }

    #[test]
    fn a_line_in_two_writes_is_one_record_and_the_last_needs_no_newline() {
        let log = log(1_000, 10);
        log.lock().console(LogSource::Stdout, b"he");
        log.lock().console(LogSource::Stdout, b"llo\nbye");
        assert_eq!(messages(&log), ["hello", "bye"]);
    }
}
