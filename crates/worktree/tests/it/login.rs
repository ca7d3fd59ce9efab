//! A remote that asks who is there, spoken to by real git over HTTP.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use worktree::Login;

use super::*;

/// `x-access-token:planted` and `ada:own`, as basic authentication writes them.
const GIVEN: &str = "Basic eC1hY2Nlc3MtdG9rZW46cGxhbnRlZA==";
const OWN: &str = "Basic YWRhOm93bg==";

/// A server without any ref that wants a login, and notes which ones it is given.
async fn remote() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let given = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&given);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream, &noted).await;
        }
    });
    (server, given)
}

async fn serve(mut stream: TcpStream, noted: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") && request.len() < 64 * 1024 {
        let Ok(byte) = stream.read_u8().await else { return };
        request.push(byte);
    }
    let text = String::from_utf8_lossy(&request);
    let mut headers = text.lines().filter_map(|line| line.split_once(": "));
    let login = headers.find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let (status, body) = match login {
        None => ("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"here\"", ""),
        Some((_, login)) => {
            noted.lock().unwrap().push(login.trim().to_owned());
            ("200 OK", "001e# service=git-upload-pack\n00000000")
        }
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // A client that went away has what it wanted.
    let _gone = stream.write_all(answer.as_bytes()).await;
}

fn login(server: &str) -> Login {
    Login {
        server: server.to_owned(),
        name: "x-access-token".to_owned(),
        password: "planted".to_owned(),
    }
}

/// Adds to the repository's own config.
fn configure(place: &Place, more: &str) {
    let path = place.repo().join(".git/config");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, config + more).unwrap();
}

async fn asked(place: &Place, login: Option<Login>) -> Result<(), worktree::Error> {
    let repository = place.open().await;
    let repository = login.map_or_else(|| repository.clone(), |login| repository.with_login(login));
    repository.remote_tip("origin", "main").await.map(|tip| assert_eq!(tip, None))
}

#[tokio::test]
async fn a_remote_that_asks_is_given_the_login_and_nothing_keeps_it() {
    let (server, given) = remote().await;
    let place = Place::with(&[]).await;
    place.git(&format!("remote add origin {server}/octo/demo.git")).await;
    let refused = asked(&place, None).await.unwrap_err();
    assert!(matches!(refused, worktree::Error::Git { .. }), "{refused}");
    asked(&place, Some(login(&server))).await.unwrap();
    assert_eq!(*given.lock().unwrap(), [GIVEN]);
    let config = std::fs::read_to_string(place.repo().join(".git/config")).unwrap();
    assert!(!config.contains("planted") && !config.contains("helper"), "{config}");
}

#[tokio::test]
async fn another_server_is_not_told() {
    let (server, given) = remote().await;
    let place = Place::with(&[]).await;
    place.git(&format!("remote add origin {server}/octo/demo.git")).await;
    asked(&place, Some(login("http://127.0.0.1:1"))).await.unwrap_err();
    assert!(given.lock().unwrap().is_empty());
}

/// Git has every helper keep what was used: one of the person's must not hear of it.
#[tokio::test]
async fn no_helper_keeps_the_login() {
    let (server, given) = remote().await;
    let place = Place::with(&[]).await;
    let kept = place.dir.path().join("kept");
    configure(&place, &format!("[credential]\n helper = store --file={}\n", kept.display()));
    place.git(&format!("remote add origin {server}/octo/demo.git")).await;
    asked(&place, Some(login(&server))).await.unwrap();
    assert_eq!(*given.lock().unwrap(), [GIVEN]);
    assert!(!kept.exists());
}

/// What git starts for another remote sees nothing of it.
#[tokio::test]
async fn a_remote_elsewhere_is_spoken_to_without_it() {
    let place = Place::with(&[]).await;
    let seen = place.dir.path().join("seen");
    let script = place.dir.path().join("transport");
    std::fs::write(&script, format!("#!/bin/sh\nenv > {}\nexit 1\n", seen.display())).unwrap();
    place.git("remote add origin ssh://git@other.example/octo/demo.git").await;
    configure(&place, &format!("[core]\n sshCommand = sh {}\n", script.display()));
    asked(&place, Some(login("http://127.0.0.1:1"))).await.unwrap_err();
    let environment = std::fs::read_to_string(seen).unwrap();
    assert!(!environment.contains("planted"), "{environment}");
}

#[tokio::test]
async fn a_login_in_the_address_comes_first() {
    let (server, given) = remote().await;
    let place = Place::with(&[]).await;
    let own = server.replace("http://", "http://ada:own@");
    place.git(&format!("remote add origin {own}/octo/demo.git")).await;
    asked(&place, Some(login(&server))).await.unwrap();
    assert_eq!(*given.lock().unwrap(), [OWN]);
}
