//! Reads and writes HTTP/1.1 messages. Headers stay unchanged and in order, and chunks and trailers are supported.

use std::io::{BufRead, Error, ErrorKind, Read, Result, Write};

/// A request or a response.
#[derive(Debug, Clone, Default)]
pub(super) struct Message {
    /// The request line or the status line.
    pub(super) first: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) trailers: Vec<(String, String)>,
}

/// How a body ends if no header states its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unframed {
    /// The message has no body. This is the rule for requests.
    Empty,
    /// The body ends when the connection closes. This is the rule for responses.
    UntilClosed,
}

/// The first value of a header. The case of the name has no effect.
pub(super) fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    all(headers, name).next()
}

/// All values of a header, in order. The case of the name has no effect.
pub(super) fn all<'a>(
    headers: &'a [(String, String)],
    name: &str,
) -> impl Iterator<Item = &'a str> {
    let named = headers
        .iter()
        .filter(move |(n, _)| n.eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.as_str())
}

/// Reads the first line and the headers; `None` if the peer closed the connection instead.
pub(super) fn read_head(reader: &mut impl BufRead) -> Result<Option<Message>> {
    let Some(first) = line(reader)? else {
        return Ok(None);
    };
    Ok(Some(Message {
        first,
        headers: fields(reader)?,
        ..Message::default()
    }))
}

/// Reads the body and the trailers of a message whose first line and headers were already read.
pub(super) fn read_body(
    reader: &mut impl BufRead,
    message: &mut Message,
    unframed: Unframed,
) -> Result<()> {
    if unframed == Unframed::UntilClosed && has_no_body(&message.first) {
        return Ok(());
    }
    let chunked =
        find(&message.headers, "transfer-encoding").is_some_and(|v| v.contains("chunked"));
    let length = find(&message.headers, "content-length").map(str::parse::<u64>);
    match (chunked, length) {
        (true, _) => loop {
            let size = line(reader)?.ok_or_else(closed_early)?;
            let size = size.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(|_| invalid(size))?;
            if size == 0 {
                message.trailers = fields(reader)?;
                return Ok(());
            }
            read_exactly(reader, size, &mut message.body)?;
            line(reader)?;
        },
        (false, Some(Ok(length))) => read_exactly(reader, length, &mut message.body),
        (false, Some(Err(_))) => Err(invalid("content-length")),
        (false, None) if unframed == Unframed::UntilClosed => {
            reader.read_to_end(&mut message.body).map(drop)
        }
        (false, None) => Ok(()),
    }
}

/// The headers, the body and the trailers of a message that a test sends.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) headers: Vec<(String, String)>,
    parts: Vec<Vec<u8>>,
    trailers: Vec<(String, String)>,
    chunked: bool,
}

/// True if a message without a body gets the header `content-length: 0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ZeroLength {
    Send,
    Omit,
}

impl Content {
    pub(super) fn header(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn body(&mut self, body: Vec<u8>) {
        self.parts = vec![body];
    }

    pub(super) fn chunks(&mut self, chunks: Vec<Vec<u8>>) {
        self.parts = chunks;
        self.chunked = true;
    }

    pub(super) fn trailer(&mut self, name: &str, value: &str) {
        self.trailers.push((name.to_owned(), value.to_owned()));
        self.chunked = true;
    }

    /// Writes the line `first`, and then the headers, the body and the trailers. Each chunk is written separately.
    pub(super) fn write(
        &self,
        to: &mut impl Write,
        first: &str,
        zero_length: ZeroLength,
    ) -> Result<()> {
        let mut head = format!("{first}\r\n");
        let framing = match (self.chunked, self.parts.as_slice()) {
            (true, _) => Some("transfer-encoding: chunked".to_owned()),
            (false, []) if zero_length == ZeroLength::Omit => None,
            (false, parts) => {
                let length: usize = parts.iter().map(Vec::len).sum();
                Some(format!("content-length: {length}"))
            }
        };
        let mut headers = header_lines(&self.headers);
        headers.extend(framing);
        head += &headers
            .iter()
            .map(|line| format!("{line}\r\n"))
            .collect::<String>();
        head += "\r\n";
        let mut head = head.into_bytes();
        if !self.chunked {
            head.extend(self.parts.concat());
            return to.write_all(&head); // one write for the whole message, so that the peer cannot respond to a part of it
        }
        to.write_all(&head)?;
        for part in self.parts.iter().filter(|part| !part.is_empty()) {
            let size = format!("{:x}\r\n", part.len());
            to.write_all(&[size.as_bytes(), part, b"\r\n"].concat())?;
        }
        let mut end = "0\r\n".to_owned();
        for line in header_lines(&self.trailers) {
            end += &format!("{line}\r\n");
        }
        to.write_all((end + "\r\n").as_bytes())
    }
}

fn header_lines(fields: &[(String, String)]) -> Vec<String> {
    let lines = fields
        .iter()
        .map(|(name, value)| format!("{name}: {value}"));
    lines.collect()
}

fn has_no_body(status_line: &str) -> bool {
    matches!(status_line.split(' ').nth(1), Some("204" | "304"))
}

fn read_exactly(reader: &mut impl BufRead, length: u64, to: &mut Vec<u8>) -> Result<()> {
    let read = reader.take(length).read_to_end(to)?;
    if read as u64 == length {
        Ok(())
    } else {
        Err(closed_early())
    }
}

fn fields(reader: &mut impl BufRead) -> Result<Vec<(String, String)>> {
    let mut fields = Vec::new();
    loop {
        let line = line(reader)?.ok_or_else(closed_early)?;
        if line.is_empty() {
            return Ok(fields);
        }
        let (name, value) = line.split_once(':').ok_or_else(|| invalid(&line))?;
        fields.push((name.to_owned(), value.trim().to_owned()));
    }
}

/// Reads a line, without its line ending; `None` at the end of the stream. Bytes that are not UTF-8 are replaced.
fn line(reader: &mut impl BufRead) -> Result<Option<String>> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&line);
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn closed_early() -> Error {
    Error::new(
        ErrorKind::UnexpectedEof,
        "the peer closed the connection in the middle of a message",
    )
}

fn invalid(part: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("invalid HTTP: {part}"))
}
