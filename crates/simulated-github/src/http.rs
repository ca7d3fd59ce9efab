//! One request a connection, read within bounds and answered by hand, so that an answer can be
//! left out.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const MAX_HEAD: usize = 64 << 10;
const MAX_BODY: usize = 4 << 20;
const MAX_HEADERS: usize = 64;
/// How long a request may take to come in.
const READ_LIMIT: Duration = Duration::from_secs(30);

/// A request with its whole body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// An answer; a body of null is none.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// The request, or nothing where the client left or sent no HTTP.
pub(crate) async fn read(stream: &mut TcpStream) -> io::Result<Option<Request>> {
    tokio::time::timeout(READ_LIMIT, read_whole(stream)).await.unwrap_or(Ok(None))
}

async fn read_whole(stream: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut buffer = Vec::new();
    let (mut request, start, length) = loop {
        if stream.read_buf(&mut buffer).await? == 0 || buffer.len() > MAX_HEAD + MAX_BODY {
            return Ok(None);
        }
        match parse(&buffer)? {
            Some(parsed) => break parsed,
            None if buffer.len() > MAX_HEAD => return Ok(None),
            None => {}
        }
    };
    if length > MAX_BODY {
        return Ok(None);
    }
    while buffer.len() < start + length {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(None);
        }
    }
    request.body = buffer.get(start..start + length).unwrap_or_default().to_vec();
    Ok(Some(request))
}

fn parse(buffer: &[u8]) -> io::Result<Option<(Request, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let start = match parsed.parse(buffer).map_err(io::Error::other)? {
        httparse::Status::Complete(start) => start,
        httparse::Status::Partial => return Ok(None),
    };
    let target = own_part(parsed.path.unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: parsed.headers.iter().map(|h| (h.name.to_owned(), text(h.value))).collect(),
        body: Vec::new(),
    };
    let length = request.header("content-length").and_then(|text| text.trim().parse().ok());
    Ok(Some((request, start, length.unwrap_or(0))))
}

/// The target without what stands before it on an Enterprise server, or where the request comes
/// through a proxy, which we then are as well.
fn own_part(target: &str) -> &str {
    let through_proxy = target.strip_prefix("http://").and_then(|rest| rest.find('/'));
    let path = through_proxy.map_or(target, |at| &target["http://".len() + at..]);
    // There the one interface is beside the other.
    let beside = (path == "/api/graphql").then_some("/graphql");
    beside.unwrap_or_else(|| path.strip_prefix("/api/v3").unwrap_or(path))
}

/// Writes the answer and ends the connection.
pub(crate) async fn write(stream: &mut TcpStream, reply: &Reply) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Simulated\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", reply.body.len()));
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&reply.body).await?;
    stream.shutdown().await
}
