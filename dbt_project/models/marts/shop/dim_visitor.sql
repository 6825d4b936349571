-- One select and no CTE: only such a view does Postgres take apart, and find a few of its rows by their keys.
select
    visitors.visitor_key,
    firsts.first_event_key,
    visitors.identified_by,
    visitors.devices,
    visitors.is_on_shared_device,
    visitors.sessions,
    visitors.human_sessions,
    visitors.events,
    visitors.views,
    visitors.orders,
    visitors.first_order_at,
    visitors.first_seen_at,
    visitors.last_seen_at,
    sessions.channel as first_channel,
    sessions.country_name as first_country_name,
    visitors.human_sessions = 0 as is_bot
from {{ ref('int_visitors') }} as visitors
left join {{ ref('int_visitor_firsts') }} as firsts on visitors.visitor_key = firsts.visitor_key
left join {{ ref('int_product_sessions__with_rules') }} as sessions on firsts.first_session_key = sessions.session_key
