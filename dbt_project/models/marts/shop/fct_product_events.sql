with events as (
    select * from {{ ref('int_product_events') }}
),

-- each of these joins is by a unique key: a query that does not ask for its columns does not pay for it
hosts as (
    select * from {{ ref('host_countries') }}
),

known_types as (
    select * from {{ ref('event_types') }}
),

user_agents as (
    select * from {{ source('enrichment', 'user_agent') }}
),

addresses as (
    select * from {{ source('enrichment', 'ip_address') }}
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
        events.event_key,
        events.event_id,
        events.product_key,
        events.product_id,
        events.device_key,
        events.device_id,
        events.user_id,
        events.email_key,
        events.ip_key,
        addresses.location_key,
        events.store_id,
        events.order_key,
        events.order_id,
        -- what happened
        events.event_type,
        known_types.event_type is not null as is_known_type,
        {{ is_view('events.event_type') }} as is_view,
        events.options,
        events.shows_recommendation,
        -- where
        events.host,
        hosts.country_code,
        coalesce(hosts.country_name, 'Unmapped') as country_name,
        case
            when hosts.host is not null then hosts.environment = 'production'
            else not {{ is_not_production('events.host') }}
        end as is_production,
        -- from where
        events.referrer_key,
        events.referrer_host_key,
        {{ referrer_medium('events.referrer_key', 'referring_shops.host', 'referrer_hosts.medium') }} as referrer_medium,
        events.is_paid,
        -- by whom
        events.user_agent_key,
        events.resolution,
        {{ is_crawler_resolution('events.resolution') }} or coalesce(user_agents.is_bot, false) as is_bot,
        case
            when {{ is_crawler_resolution('events.resolution') }} then 'crawler_resolution'
            else user_agents.bot_reason
        end as bot_reason,
        -- times
        events.event_at,
        events.kafka_timestamp,
        events.landed_at,
        -- quality and position
        events.is_from_future,
        events.bad_casts,
        events.load_id,
        events.topic_id,
        events.kafka_partition,
        events.kafka_offset,
        events.changed_load_id
    from events
    left join hosts on events.host = hosts.host
    left join known_types on events.event_type = known_types.event_type
    left join user_agents on events.user_agent_key = user_agents.user_agent_key
    left join addresses on events.ip_key = addresses.ip_key
    left join referrer_hosts on events.referrer_host_key = referrer_hosts.referrer_host_key
    left join referring_shops on referrer_hosts.referrer_host = referring_shops.host
)

select * from final
