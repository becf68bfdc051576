//! Streams of bytes from and to a file. They never wait.

use bytes::Bytes;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::interfaces::wasi::MAX_WRITE;
use crate::scratch::Handle;

/// Reads a file from a place on.
pub(super) struct Reader {
    pub(super) handle: Handle,
    pub(super) at: u64,
}

impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let bytes = self.handle.lock().read(self.handle.id(), self.at, size as u64);
        let bytes = bytes.map_err(failed)?;
        if bytes.is_empty() && size > 0 {
            return Err(StreamError::Closed);
        }
        self.at = self.at.saturating_add(bytes.len() as u64);
        Ok(bytes.into())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {}
}

/// Writes to a file from a place on, or always at its end.
pub(super) struct Writer {
    handle: Handle,
    at: Option<u64>,
    /// A write failed; a stream that failed is over.
    is_over: bool,
}

impl Writer {
    /// A stream into a file; a folder takes no bytes.
    pub(super) fn new(handle: Handle, at: Option<u64>) -> Result<Self, ErrorCode> {
        let found = handle.lock().write(handle.id(), at, &[]);
        found.map(|_| Self { handle, at, is_over: false })
    }

    fn go_on(&self) -> StreamResult<()> {
        if self.is_over { Err(StreamError::Closed) } else { Ok(()) }
    }
}

impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if self.is_over {
            self.handle.lock().moved(bytes.len());
            return Err(StreamError::Closed);
        }
        let written = self.handle.lock().write(self.handle.id(), self.at, &bytes);
        match written {
            Ok(end) => {
                self.at = self.at.map(|_| end);
                Ok(())
            }
            Err(code) => {
                self.is_over = true;
                Err(failed(code))
            }
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.go_on()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.go_on().map(|()| MAX_WRITE)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {}
}

/// The guest asks `filesystem-error-code` for the code.
fn failed(code: ErrorCode) -> StreamError {
    StreamError::LastOperationFailed(code.into())
}
