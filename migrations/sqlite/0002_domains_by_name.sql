-- Mail to a registered domain itself is looked up by the domain's name, over all accounts.
create index domains_by_name on domains (name);
