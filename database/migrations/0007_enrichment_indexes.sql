-- Each enricher looks once for rows of another version of its rules; without these that is a scan of the table.
set local role transformer;

create index user_agent_rules on enrichment.user_agent (rules);
create index ip_address_rules on enrichment.ip_address (rules);
create index referrer_host_rules on enrichment.referrer_host (rules);

reset role;
