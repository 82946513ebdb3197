//! The shop while its database rejects connections.

use stoa_testkit::envoy::Authority;
use stoa_testkit::{Answer, Shop, ShopOptions, TlsPostgres};

const PASSWORD: &str = "hush-hush-{service}";
/// The part of the password that all services share.
const SECRET: &str = "hush-hush";

/// The response of a service whose database rejects the connection.
#[track_caller]
fn unavailable(answer: Answer) {
    let answer = answer.expect(503);
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    assert_eq!(answer.json["code"], "unavailable");
    assert_eq!(answer.json["detail"], "the database failed; try again");
}

#[test]
fn the_services_answer_503_until_the_database_accepts_connections() {
    let server = TlsPostgres::start();
    let options = ShopOptions::checked().timers(false);
    let shop = Shop::start(server.options(options, PASSWORD));
    let browse = || shop.gateway().get("/product").send();
    let pid = shop.pid();
    let mut administrator = server.administrator();
    let role = administrator
        .query_one(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE '%\\_product'",
            &[],
        )
        .unwrap();
    let role: String = role.get(0);

    let change = |password: &str| format!("ALTER ROLE {role} PASSWORD '{password}'");
    administrator.batch_execute(&change("another")).unwrap();
    unavailable(browse());
    administrator
        .batch_execute(&change("hush-hush-product"))
        .unwrap();
    let _ = browse().expect(200);

    // The server closes the open connections, so the service needs a new connection.
    let valid = server.authority().server("127.0.0.1");
    server.use_certificate(&Authority::named("another").server("127.0.0.1"));
    administrator
        .batch_execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
        .unwrap();
    stoa_testkit::wait_until(
        std::time::Duration::from_secs(20),
        "the end of the connections",
        || {
            administrator.query("SELECT FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'", &[]).unwrap().is_empty()
        },
    );
    unavailable(browse());
    server.use_certificate(&valid);
    let _ = browse().expect(200);

    let rename = |from: &str, to: &str| format!("ALTER DATABASE {from} RENAME TO {to}");
    let terminate =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{role}'");
    administrator.batch_execute(&terminate).unwrap();
    stoa_testkit::wait_until(
        std::time::Duration::from_secs(20),
        "the renamed database",
        || administrator.batch_execute(&rename(&role, "away")).is_ok(),
    );
    unavailable(browse());
    administrator.batch_execute(&rename("away", &role)).unwrap();
    let _ = browse().expect(200);

    assert_eq!(shop.pid(), pid);
    let log = shop.log();
    for reason in ["28P01", "UnknownIssuer", "3D000"] {
        assert!(log.contains(reason), "{reason} is not in the log:\n{log}");
    }
    assert!(!log.contains(SECRET), "the password is in the log:\n{log}");
    assert!(!shop.run().to_string().contains(SECRET), "{}", shop.run());
}
