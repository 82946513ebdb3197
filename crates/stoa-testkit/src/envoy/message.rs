//! HTTP/1.1 as it is on the wire: headers unchanged and in order, chunks, trailers.

use std::io::{BufRead, Error, ErrorKind, Read, Result, Write};

/// A request or a response.
#[derive(Debug, Clone, Default)]
pub(super) struct Message {
    pub(super) first: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) trailers: Vec<(String, String)>,
}

/// How a body ends if no header states its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unframed {
    /// There is no body: a request, or a response that never has one.
    Empty,
    /// The body continues until the connection closes: a response.
    UntilClosed,
}

/// The first value of a header, whatever the case of its name.
pub(super) fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    all(headers, name).next()
}

/// Every value of a header, in order.
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

/// Reads the body and trailers of a message after its head.
pub(super) fn read_body(
    reader: &mut impl BufRead,
    message: &mut Message,
    unframed: Unframed,
) -> Result<()> {
    if unframed == Unframed::UntilClosed && bodiless(&message.first) {
        return Ok(());
    }
    let chunked =
        find(&message.headers, "transfer-encoding").is_some_and(|v| v.contains("chunked"));
    let length = find(&message.headers, "content-length").map(str::parse::<u64>);
    match (chunked, length) {
        (true, _) => loop {
            let size = line(reader)?.ok_or_else(cut)?;
            let size = size.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(|_| broken(size))?;
            if size == 0 {
                message.trailers = fields(reader)?;
                return Ok(());
            }
            exactly(reader, size, &mut message.body)?;
            line(reader)?;
        },
        (false, Some(Ok(length))) => exactly(reader, length, &mut message.body),
        (false, Some(Err(_))) => Err(broken("content-length")),
        (false, None) if unframed == Unframed::UntilClosed => {
            reader.read_to_end(&mut message.body).map(drop)
        }
        (false, None) => Ok(()),
    }
}

/// The part of a message after the first line, as the test built it.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) headers: Vec<(String, String)>,
    parts: Vec<Vec<u8>>,
    trailers: Vec<(String, String)>,
    chunked: bool,
}

/// Whether a message without a body has the header `content-length: 0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    Said,
    Unsaid,
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

    /// Writes the message; each chunk has its own write.
    pub(super) fn write(&self, to: &mut impl Write, first: &str, empty: Empty) -> Result<()> {
        let mut head = format!("{first}\r\n");
        let framing = match (self.chunked, self.parts.as_slice()) {
            (true, _) => Some("transfer-encoding: chunked".to_owned()),
            (false, []) if empty == Empty::Unsaid => None,
            (false, parts) => {
                let length: usize = parts.iter().map(Vec::len).sum();
                Some(format!("content-length: {length}"))
            }
        };
        let mut headers = fields_as_written(&self.headers);
        headers.extend(framing);
        head += &headers
            .iter()
            .map(|line| format!("{line}\r\n"))
            .collect::<String>();
        head += "\r\n";
        let mut head = head.into_bytes();
        if !self.chunked {
            head.extend(self.parts.concat());
            return to.write_all(&head); // in one write, so that the peer cannot respond to a part of it
        }
        to.write_all(&head)?;
        for part in self.parts.iter().filter(|part| !part.is_empty()) {
            let size = format!("{:x}\r\n", part.len());
            to.write_all(&[size.as_bytes(), part, b"\r\n"].concat())?;
        }
        let mut end = "0\r\n".to_owned();
        for line in fields_as_written(&self.trailers) {
            end += &format!("{line}\r\n");
        }
        to.write_all((end + "\r\n").as_bytes())
    }
}

fn fields_as_written(fields: &[(String, String)]) -> Vec<String> {
    let lines = fields
        .iter()
        .map(|(name, value)| format!("{name}: {value}"));
    lines.collect()
}

fn bodiless(status_line: &str) -> bool {
    matches!(status_line.split(' ').nth(1), Some("204" | "304"))
}

fn exactly(reader: &mut impl BufRead, length: u64, to: &mut Vec<u8>) -> Result<()> {
    let read = reader.take(length).read_to_end(to)?;
    if read as u64 == length {
        Ok(())
    } else {
        Err(cut())
    }
}

fn fields(reader: &mut impl BufRead) -> Result<Vec<(String, String)>> {
    let mut fields = Vec::new();
    loop {
        let line = line(reader)?.ok_or_else(cut)?;
        if line.is_empty() {
            return Ok(fields);
        }
        let (name, value) = line.split_once(':').ok_or_else(|| broken(&line))?;
        fields.push((name.to_owned(), value.trim().to_owned()));
    }
}

/// A line without its line ending; `None` at the end of the stream. Bytes that are not UTF-8 are replaced.
fn line(reader: &mut impl BufRead) -> Result<Option<String>> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&line);
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn cut() -> Error {
    Error::new(
        ErrorKind::UnexpectedEof,
        "closed in the middle of a message",
    )
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("no HTTP: {what}"))
}
