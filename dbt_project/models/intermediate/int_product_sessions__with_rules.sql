{{ config(materialized='view') }}

-- One select and no CTE: only such a view does Postgres take apart, and find a few of its rows by their keys. Each left join
-- is by a unique key, so a query that does not ask for its columns does not pay for it.
select
    -- ids
    sessions.session_key,
    sessions.device_key,
    sessions.first_event_key,
    -- the first event's
    sessions.store_id,
    hosts.country_code,
    coalesce(hosts.country_name, 'Unmapped') as country_name,
    {{ channel(
        'sessions.is_paid',
        referrer_medium('sessions.referrer_key', 'referring_shops.host', 'referrer_hosts.medium'),
    ) }} as channel,
    coalesce({{ text_key(page_of_url('referrers.referrer_url')) }}, sessions.referrer_key) as referrer_key,
    -- counts
    sessions.events,
    sessions.views,
    sessions.carts,
    sessions.checkouts,
    sessions.orders,
    sessions.views >= {{ var('engaged_views') }} or sessions.carts > 0 or sessions.checkouts > 0 as is_engaged,
    sessions.is_bot,
    -- times
    sessions.started_at,
    sessions.ended_at,
    extract(epoch from sessions.ended_at - sessions.started_at)::double precision as duration_seconds,
    sessions.changed_load_id,
    {{ touch_channel(
        'sessions.is_paid',
        referrer_medium('sessions.referrer_key', 'referring_shops.host', 'referrer_hosts.medium'),
        'referrer_hosts.referrer_host',
    ) }} as touch_channel
from {{ ref('int_product_sessions') }} as sessions
left join {{ ref('host_countries') }} as hosts on sessions.host = hosts.host
left join {{ ref('int_referrers') }} as referrers on sessions.referrer_key = referrers.referrer_key
left join {{ source('enrichment', 'referrer_host') }} as referrer_hosts
    on sessions.referrer_host_key = referrer_hosts.referrer_host_key
left join {{ ref('host_countries') }} as referring_shops on referrer_hosts.referrer_host = referring_shops.host
