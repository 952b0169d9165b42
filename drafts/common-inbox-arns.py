def sub(p,*prs):
    s=open(p).read()
    for a,b in prs:
        assert a in s,(p,a)
        s=s.replace(a,b,1)
    open(p,'w').write(s)
G='/work/wt/common/operator/src/controllers/granted.rs'
sub(G,('''    claim(tenancy, object, "queueName", &object.spec.queue_name)
''','''    let namespace = object.namespace().unwrap_or_default();
    let key = object.spec.encryption.kms_key_id.iter().map(|key| ("encryption.kmsKeyId".to_owned(), key));
    let actions = object.spec.alarms.actions.iter().enumerate();
    let actions = actions.map(|(index, arn)| (format!("alarms.actions[{index}]"), arn));
    for (field, arn) in key.chain(actions) {
        tenancy.arn(&namespace, arn).map_err(|refusal| Terminal::not_granted(&field, &refusal))?;
    }
    claim(tenancy, object, "queueName", &object.spec.queue_name)
'''),('''    #[test]
    fn an_adoption_that_is_granted_is_the_claim() {''','''    #[test]
    fn what_an_inbox_names_by_hand_is_granted_one_by_one() {
        let topic = "arn:aws:sns:eu-central-1:000000000000:pager";
        let more = json!({"encryption": {"kmsKeyId": "alias/red"}, "alarms": {"enabled": true, "actions": [topic]}});
        let judged = |arns: &[&str]| {
            let entry = json!([{"namespaces": ["red"], "namePrefixes": ["red-"], "arns": arns}]);
            said(inbox(&Tenancy::parse(&entry.to_string()).unwrap(), &an_inbox("red", &more)))
        };
        for (arns, field) in [(&[topic][..], "spec.encryption.kmsKeyId"), (&["alias/red"], "spec.alarms.actions[0]")] {
            let said = judged(arns);
            assert!(said.starts_with(&format!("NotGranted: {field}: ")), "{said}");
        }
        assert_eq!(judged(&["alias/red", topic]), "Own");
        let refused = said(inbox(&Tenancy::default(), &an_inbox("red", &more)));
        assert!(refused.starts_with("NotGranted: spec.encryption.kmsKeyId: "), "by default none is taken: {refused}");
    }

    #[test]
    fn an_adoption_that_is_granted_is_the_claim() {'''))
