//! Bytes that the code which prost makes of Envoy's own files (of Envoy 1.36) gave: every field of a question is set there,
//! those that nobody reads here too.

use super::*;
use prost::Message;
use std::collections::HashMap;

const JOINED: &str = "\
    0a99010a2f0a1c0a1a080112093139322e302e322e3118d086032a017230013a022f6e1201731a060a016c12016d2201\
    702a0163120322016422500a040801100212480a013712035055541a0e0a09782d6170692d6b657912016b22042f613f\
    622a0168320568747470733a017142016648ffffffffffffffffff015206485454502f325a02626f6201ff52060a0165\
    1201785a0062030a016e6a00";
const RAW: &str = "\
    0aa4010a2f0a1c0a1a080112093139322e302e322e3118d086032a017230013a022f6e1201731a060a016c12016d2201\
    702a01631203220164225b0a040801100212530a0137120350555422042f613f622a0168320568747470733a01714201\
    6648ffffffffffffffffff015206485454502f325a02626f6201ff6a190a0c0a053a706174681a032f61ff0a090a0174\
    12047465787452060a01651201785a0062030a016e6a00";
const PIPE: &str = "\
    0a94010a1f0a0c120a0a062f72756e2f7810071201731a060a016c12016d2201702a01631203220164225b0a04080110\
    0212530a0137120350555422042f613f622a0168320568747470733a017142016648ffffffffffffffffff0152064854\
    54502f325a02626f6201ff6a190a0c0a053a706174681a032f61ff0a090a017412047465787452060a01651201785a00\
    62030a016e6a00";
const INTERNAL: &str = "\
    0a8d010a180a051a031201651201731a060a016c12016d2201702a01631203220164225b0a040801100212530a013712\
    0350555422042f613f622a0168320568747470733a017142016648ffffffffffffffffff015206485454502f325a0262\
    6f6201ff6a190a0c0a053a706174681a032f61ff0a090a017412047465787452060a01651201785a0062030a016e6a00";
const PASSED: &str = "\
    0a001a2c120a0a060a016112016218022a09782d6170692d6b65792a016332100a0e0a047661727912064f726967696e\
    220f0a0d0a066b65795f696412031a0137";
const DENIED: &str = "\
    0a02080712290a03089103121e0a1a0a0c636f6e74656e742d74797065120a746578742f706c61696e18031a026e6f";

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn read(hex: &str) -> (Option<Place>, HttpRequest) {
    let asked = CheckRequest::decode(&*bytes(hex)).unwrap();
    let attributes = asked.attributes.unwrap();
    let place = attributes.source.unwrap().address.unwrap().address;
    (place, attributes.request.unwrap().http.unwrap())
}

fn socket() -> Option<Place> {
    let address = "192.0.2.1".to_owned();
    Some(Place::SocketAddress(SocketAddress { address }))
}

#[test]
fn a_question_is_read_as_envoy_writes_it() {
    let (place, http) = read(JOINED);
    assert_eq!(place, socket());
    let expected = HttpRequest {
        method: "PUT".to_owned(),
        headers: HashMap::from([("x-api-key".to_owned(), "k".to_owned())]),
        path: "/a?b".to_owned(),
        host: "h".to_owned(),
        header_map: None,
    };
    assert_eq!(http, expected);
    let (place, http) = read(RAW);
    assert_eq!(place, socket());
    let field = |key: &str, value: &str, raw: &[u8]| HeaderValue {
        key: key.to_owned(),
        value: value.to_owned(),
        raw_value: raw.to_vec(),
    };
    let headers = vec![field(":path", "", b"/a\xff"), field("t", "text", b"")];
    let expected = HttpRequest {
        headers: HashMap::new(),
        header_map: Some(HeaderMap { headers }),
        ..expected
    };
    assert_eq!(http, expected);
}

#[test]
fn who_has_no_ip_address_is_not_taken_for_somebody_who_has() {
    assert_eq!(read(PIPE).0, Some(Place::Pipe(Unread {})));
    assert_eq!(read(INTERNAL).0, Some(Place::EnvoyInternalAddress(Unread {})));
    // The last of several is the one that holds, as Envoy's own reader has it.
    let twice = |first: &Option<Place>, then: &Option<Place>| {
        let bytes = [first, then].map(|place| {
            Address {
                address: place.clone(),
            }
            .encode_to_vec()
        });
        Address::decode(&*bytes.concat()).unwrap().address
    };
    let pipe = Some(Place::Pipe(Unread {}));
    assert_eq!(twice(&socket(), &pipe), pipe);
    assert_eq!(twice(&pipe, &socket()), socket());
}

#[test]
fn an_answer_is_written_as_envoy_reads_it() {
    let option = |key: &str, value: &str, action: HeaderAppendAction| HeaderValueOption {
        header: Some(HeaderValue {
            key: key.to_owned(),
            value: value.to_owned(),
            raw_value: Vec::new(),
        }),
        append_action: action.into(),
    };
    let said = Value {
        kind: Some(Kind::StringValue("7".to_owned())),
    };
    let passed = OkHttpResponse {
        headers: vec![option("a", "b", HeaderAppendAction::OverwriteIfExistsOrAdd)],
        headers_to_remove: vec!["x-api-key".to_owned(), "c".to_owned()],
        response_headers_to_add: vec![option("vary", "Origin", HeaderAppendAction::AppendIfExistsOrAdd)],
    };
    let denied = DeniedHttpResponse {
        status: Some(HttpStatus { code: 401 }),
        headers: vec![option(
            "content-type",
            "text/plain",
            HeaderAppendAction::OverwriteIfExists,
        )],
        body: "no".to_owned(),
    };
    let fields = HashMap::from([("key_id".to_owned(), said)]);
    for (code, metadata, response, expected) in [
        (
            0,
            Some(Struct { fields }),
            HttpResponse::OkResponse(passed),
            PASSED,
        ),
        (7, None, HttpResponse::DeniedResponse(denied), DENIED),
    ] {
        let told = CheckResponse {
            status: Some(Status { code }),
            dynamic_metadata: metadata,
            http_response: Some(response),
        };
        assert_eq!(told.encode_to_vec(), bytes(expected));
        assert_eq!(CheckResponse::decode(&*bytes(expected)).unwrap(), told);
    }
}
