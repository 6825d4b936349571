-- Amounts are numeric now, as prices are: what holds them is made anew from the facts by the next refresh, of all orders that ever were.
-- The views above go with the tables, and come back with the models' relations, which `landfall migrate` makes behind this.
set local role transformer;

drop table if exists intermediate.int_revenue__daily cascade;
drop table if exists intermediate.int_order_lines cascade;

-- (none) is no user agent any more but the absence of one, whose key it had.
delete from enrichment.user_agent where user_agent = '(none)';

reset role;
