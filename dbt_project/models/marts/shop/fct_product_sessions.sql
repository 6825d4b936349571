with sessions as (
    select * from {{ ref('int_product_sessions') }}
),

hosts as (
    select * from {{ ref('host_countries') }}
),

referrer_hosts as (
    select * from {{ source('enrichment', 'referrer_host') }}
),

-- not `hosts` again: Postgres would work out a CTE that is read twice, and join it whoever asks
referring_shops as (
    select * from {{ ref('host_countries') }}
),

final as (
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
        sessions.referrer_key,
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
        sessions.changed_load_id
    from sessions
    left join hosts on sessions.host = hosts.host
    left join referrer_hosts on sessions.referrer_host_key = referrer_hosts.referrer_host_key
    left join referring_shops on referrer_hosts.referrer_host = referring_shops.host
)

select * from final
