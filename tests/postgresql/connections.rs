//! Each test breaks a connection, checks the error and the log line, removes the cause, and connects again in the same process.

use stoa_testkit::TlsPostgres;
use stoa_testkit::envoy::{Authority, Identity};

use crate::application::{Application, PASSWORD, ROLE};

/// A password that no role has at first.
const OTHER_PASSWORD: &str = "staple-seven-nine";

#[test]
fn tls_and_a_password_are_used_with_a_private_authority() {
    let app = Application::start();
    let address = app.first_address();
    app.succeeds(&address);
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(app.run(&address, encrypted), "[[DbValue::Boolean(true)]]");
    // SCRAM with channel binding also proves that no other server is between the client and the server.
    app.succeeds(&format!("{address}&channel_binding=require"));
    // `prefer`, the default, uses TLS if the server offers TLS.
    app.succeeds(&app.address(ROLE, PASSWORD, ROLE, "prefer"));
    // The host may also be a name.
    app.server
        .use_certificate(&app.server.authority().server("localhost"));
    app.succeeds(&address.replace("127.0.0.1", "localhost"));
    app.log_does_not_contain(&[PASSWORD]);
}

#[test]
fn a_wrong_password_a_missing_role_and_a_missing_database_are_reported_until_they_are_corrected() {
    let app = Application::start();
    let mut administrator = app.server.administrator();

    let wrong_password = app.address(ROLE, OTHER_PASSWORD, ROLE, "require");
    let reason = ["FATAL: password authentication failed for user", "28P01"];
    app.fails(&wrong_password, ROLE, ROLE, &reason);
    let change = format!("ALTER ROLE {ROLE} PASSWORD '{OTHER_PASSWORD}'");
    administrator.batch_execute(&change).unwrap();
    app.succeeds(&wrong_password);

    // The server does not reveal whether a role exists.
    let missing_role = app.address("bob", PASSWORD, ROLE, "require");
    app.fails(&missing_role, "bob", ROLE, &["28P01"]);
    let create = format!("CREATE ROLE bob LOGIN PASSWORD '{PASSWORD}'");
    administrator.batch_execute(&create).unwrap();
    app.succeeds(&missing_role);

    let missing_database = app.address(ROLE, OTHER_PASSWORD, "books", "require");
    app.fails(
        &missing_database,
        ROLE,
        "books",
        &["does not exist (SQLSTATE 3D000)"],
    );
    administrator
        .batch_execute("CREATE DATABASE books")
        .unwrap();
    app.succeeds(&missing_database);

    administrator
        .batch_execute("REVOKE CONNECT ON DATABASE books FROM PUBLIC")
        .unwrap();
    let other_database = app.address("bob", PASSWORD, "books", "require");
    app.fails(
        &other_database,
        "bob",
        "books",
        &["permission denied", "42501"],
    );
    app.log_does_not_contain(&[PASSWORD, OTHER_PASSWORD]);
}

#[test]
fn a_certificate_that_is_not_valid_is_reported_until_it_is_replaced() {
    let app = Application::start();
    let server = &app.server;
    let valid = server.authority().server("127.0.0.1");
    // Another authority may have the name of the trusted authority.
    let other_authority = Authority::new();
    for (certificate, word) in [
        (
            Authority::named("another").server("127.0.0.1"),
            "UnknownIssuer",
        ),
        (other_authority.server("127.0.0.1"), "SSL_CERT_FILE"),
        (
            server.authority().server("db.example.com"),
            "certificate is only valid for DnsName",
        ),
        (
            server.authority().expired_server("127.0.0.1"),
            "certificate expired",
        ),
    ] {
        // The pool keeps the connections of an address, so each certificate needs another address.
        let address = format!("{}&application_name={word}", app.first_address());
        let address = address.replace(' ', "%20");
        server.use_certificate(&certificate);
        app.fails(&address, ROLE, ROLE, &[word]);
        server.use_certificate(&valid);
        app.succeeds(&address);
    }

    server.use_certificate(
        &server
            .authority()
            .server_without_alternative_name("localhost"),
    );
    let by_name = app.first_address().replace("127.0.0.1", "localhost");
    let error = app.run(&by_name, "SELECT 1");
    assert!(error.contains("is not valid for any names"), "{error}");

    // The file with the trusted authorities may change, too.
    let second = app.address(ROLE, PASSWORD, "postgres", "require");
    server.use_certificate(&other_authority.server("127.0.0.1"));
    app.fails(&second, ROLE, "postgres", &["BadSignature"]);
    let trusted = other_authority.server("127.0.0.1").authority;
    std::fs::write(server.authority_file(), trusted).unwrap();
    app.succeeds(&second);

    let itself = Identity::self_signed_authority("127.0.0.1");
    std::fs::write(server.authority_file(), &itself.authority).unwrap();
    server.use_certificate(&itself);
    let third = app.address(ROLE, PASSWORD, "template1", "require");
    app.fails(&third, ROLE, "template1", &["CaUsedAsEndEntity"]);
    app.log_does_not_contain(&[PASSWORD]);
}

#[test]
fn a_server_and_an_address_that_disagree_about_tls_are_reported_until_one_of_them_changes() {
    let app = Application::start();
    app.server.offer_tls(false);
    let address = app.first_address();
    app.fails(&address, ROLE, ROLE, &["server does not support TLS"]);
    // With `prefer`, the connection has no TLS, and the server rejects this.
    let prefer = app.address(ROLE, PASSWORD, ROLE, "prefer");
    app.fails(&prefer, ROLE, ROLE, &["no encryption", "28000"]);
    app.server.offer_tls(true);
    app.succeeds(&address);
    app.succeeds(&prefer);

    let without_tls = app.address(ROLE, PASSWORD, ROLE, "disable");
    app.fails(
        &without_tls,
        ROLE,
        ROLE,
        &["FATAL: no pg_hba.conf entry", "no encryption", "28000"],
    );
    app.log_does_not_contain(&[PASSWORD]);
}

#[test]
fn an_unreadable_or_empty_file_of_authorities_is_reported_until_it_is_corrected() {
    let server = TlsPostgres::start();
    let file = server.authority_file();
    let valid = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let app = Application::start_with(server, |options| {
        options.environment("SSL_CERT_FILE", &file)
    });
    let address = app.first_address();
    let named = format!("SSL_CERT_FILE={}", file.display());
    app.fails(&address, ROLE, ROLE, &[&named, "No such file"]);
    for content in ["", "not a certificate"] {
        std::fs::write(&file, content).unwrap();
        app.fails(
            &address,
            ROLE,
            ROLE,
            &[&named, "contains no certificate", "expected at least one"],
        );
    }
    std::fs::write(&file, valid).unwrap();
    app.succeeds(&address);
}

#[test]
fn a_folder_of_authorities_is_trusted() {
    let server = TlsPostgres::start();
    let folder = server.authority_file().parent().unwrap().to_owned();
    let app = Application::start_with(server, |options| {
        options.environment("SSL_CERT_DIR", folder)
    });
    app.succeeds(&app.first_address());
    std::fs::remove_file(app.server.authority_file()).unwrap();
    let second = app.address(ROLE, PASSWORD, "postgres", "require");
    app.fails(
        &second,
        ROLE,
        "postgres",
        &["SSL_CERT_DIR=", "contains no certificate"],
    );
}

/// Only a connection that uses TLS needs the certificates.
#[test]
fn a_missing_file_of_authorities_does_not_matter_without_tls() {
    let server = TlsPostgres::start();
    std::fs::remove_file(server.authority_file()).unwrap();
    let file = server.authority_file();
    let app = Application::start_with(server, |options| options.environment("SSL_CERT_FILE", file));
    let without_tls = app.address(ROLE, PASSWORD, ROLE, "disable");
    app.fails(&without_tls, ROLE, ROLE, &["no encryption"]);
}

#[test]
fn an_address_that_is_not_valid_is_reported_without_its_password() {
    let app = Application::start();
    let host = app.server.host();
    for (address, expected) in [
        (
            format!("postgres://{ROLE}:pass@word@{host}/{ROLE}"),
            "more than one @",
        ),
        (
            app.address(ROLE, PASSWORD, ROLE, "verify-full"),
            "invalid value for option `sslmode`; expected disable, prefer or require",
        ),
        (
            format!("{}&sslrootcert=/etc/ca.pem", app.first_address()),
            "unknown option `sslrootcert`",
        ),
    ] {
        let error = app.run(&address, "SELECT 1");
        assert!(error.contains("ConnectionFailed("), "{error}");
        assert!(error.contains(expected), "no {expected:?} in {error}");
        assert!(
            !error.contains("word@") && !error.contains(PASSWORD),
            "{error}"
        );
    }
    app.succeeds(&app.first_address());

    let mut administrator = app.server.administrator();
    let change = format!("ALTER ROLE {ROLE} PASSWORD 'pass@word'");
    administrator.batch_execute(&change).unwrap();
    app.succeeds(&app.address(ROLE, "pass%40word", ROLE, "require"));
    app.log_does_not_contain(&["word@", "pass@word", "pass%40word", PASSWORD]);
}
