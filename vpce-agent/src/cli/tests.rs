use super::{operator::Create, *};

fn parsed(words: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(words.split_whitespace())
}

#[test]
fn every_command_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn the_project_of_a_new_user_is_no_project_to_act_in_twice() {
    let arguments = parsed("vpcectl create user red --domain d --project p-1 --project p-2").unwrap();
    let Command::Create { what: Create::User { project, .. } } = arguments.command else { panic!("another command") };
    assert_eq!(project, ["p-1", "p-2"]);
}

#[tokio::test]
async fn an_id_is_told_as_the_api_writes_it() {
    let session = Session::open(&parsed("vpcectl get vpcs").unwrap()).unwrap();
    let id = "00000000-0000-4000-8000-0000000000aa";
    let other = id.replace('-', "").to_uppercase();
    assert_eq!(session.vpc(&other).await.unwrap(), id);
    assert_eq!(session.subnet("red", &other).await.unwrap(), id);
}

#[test]
fn kinds_go_by_their_singular_too() {
    for words in ["get service", "get endpoints", "get quota", "wait endpoints x --for accepted", "delete service a b"]
    {
        parsed(&format!("vpcectl {words}")).unwrap();
    }
}

#[test]
fn what_contradicts_itself_is_no_command() {
    for words in [
        "set service web --approval --no-approval",
        "set endpoint e --policy f --no-policy",
        "create service web --vpc v --backend b",
        "wait service web --for gone",
        "tag service web",
        "create service web --vpc v --backend b --port 80:x",
    ] {
        assert_eq!(parsed(&format!("vpcectl {words}")).unwrap_err().exit_code(), 2, "{words}");
    }
}
