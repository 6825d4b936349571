-- One select and no CTE: only such a view does Postgres take apart, and find a few of its rows by their keys. Each left join
-- is by a unique key, so a query that does not ask for its columns does not pay for it. Columns that come later come last.
select
    -- ids
    sessions.session_key,
    sessions.device_key,
    sessions.first_event_key,
    -- the first event's
    sessions.store_id,
    sessions.country_code,
    sessions.country_name,
    sessions.channel,
    sessions.referrer_key,
    -- counts
    sessions.events,
    sessions.views,
    sessions.carts,
    sessions.checkouts,
    sessions.orders,
    sessions.is_engaged,
    sessions.is_bot,
    -- times
    sessions.started_at,
    sessions.ended_at,
    sessions.duration_seconds,
    sessions.changed_load_id,
    -- who came, and what brought them
    visitor_sessions.visitor_key,
    visitor_sessions.is_on_shared_device,
    sessions.first_event_key = firsts.first_event_key as is_first_of_visitor,
    sessions.touch_channel
from {{ ref('int_product_sessions__with_rules') }} as sessions
left join {{ ref('int_visitor_sessions') }} as visitor_sessions on sessions.session_key = visitor_sessions.session_key
left join {{ ref('int_visitor_firsts') }} as firsts on visitor_sessions.visitor_key = firsts.visitor_key
