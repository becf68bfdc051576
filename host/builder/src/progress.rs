//! What a person is told while a build takes its time.

/// Something that is going on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note<'a> {
    /// A command that changes this machine is being run.
    Running(&'a str),
    /// It waits, and why.
    Waiting(&'a str),
    /// Which toolchain is used; said once for each build that compiles.
    Toolchain(&'a str),
    /// A line that a compiler wrote: `Compiling serde v1.0.0`, a warning, a part of an error.
    Said(&'a str),
}

/// Where notes go.
#[derive(Clone, Copy)]
pub struct Progress<'a>(pub &'a (dyn Fn(Note<'_>) + Sync));

impl Progress<'_> {
    /// Nobody is told.
    pub const SILENT: Progress<'static> = Progress(&|_| ());

    pub(crate) fn say(&self, note: Note<'_>) {
        (self.0)(note);
    }
}
