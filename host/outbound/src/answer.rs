//! What came back of a call: status and headers at once, the body as far as it is wanted.

use model::fetch::is_framing;
use model::limits::MAX_HEADER_BYTES;
use reqwest::Response;

use crate::Error;
use crate::client::root_cause;

/// The head of an answer, and its body yet to be read.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers in the order they came, names in lower case; those of the connection are left out.
    pub headers: Vec<(String, String)>,
    response: Response,
}

impl Answer {
    pub(crate) fn of(response: Response) -> Result<Self, Error> {
        let read =
            |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            };
        let mut headers: Vec<_> = response.headers().iter().map(read).collect();
        headers.retain(|(name, _)| !is_framing(name));
        let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MAX_HEADER_BYTES {
            let why = format!("its headers have {bytes} bytes, {MAX_HEADER_BYTES} are read");
            return Err(Error::Failed(why));
        }
        Ok(Self { status: response.status().as_u16(), headers, response })
    }

    /// The value of a header, the first where there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether the body is what it says: no `content-encoding` (RFC 9110, 8.4) is on it.
    pub fn is_plain(&self) -> bool {
        let mut encodings = self.headers.iter().filter(|(name, _)| name == "content-encoding");
        encodings.all(|(_, value)| value.eq_ignore_ascii_case("identity"))
    }

    /// The whole body; refused once it is over `most` bytes, of which no more are ever held.
    pub async fn body(&mut self, most: usize) -> Result<Vec<u8>, Error> {
        let said = self.response.content_length().and_then(|bytes| usize::try_from(bytes).ok());
        if said.is_some_and(|said| said > most) {
            return Err(Error::TooLarge(most));
        }
        let mut body = Vec::with_capacity(said.unwrap_or(0));
        while let Some(chunk) = self.response.chunk().await.map_err(broke_off)? {
            if body.len() + chunk.len() > most {
                return Err(Error::TooLarge(most));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The body's first `most` bytes; the rest is left unread.
    pub async fn beginning(&mut self, most: usize) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while body.len() < most
            && let Some(chunk) = self.response.chunk().await.map_err(broke_off)?
        {
            body.extend(chunk.iter().take(most - body.len()));
        }
        Ok(body)
    }
}

fn broke_off(error: reqwest::Error) -> Error {
    Error::Failed(root_cause(&error))
}
