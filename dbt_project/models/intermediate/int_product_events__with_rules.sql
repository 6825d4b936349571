{{ config(materialized='view') }}

-- One select and no CTE: only such a view does Postgres take apart, and find a few of its rows by their keys. Each left join
-- is by a unique key, so a query that does not ask for its columns does not pay for it. Columns that come later come last:
-- Postgres then replaces the view, and what stands upon it stays.
select
    events.event_key,
    events.event_id,
    events.product_key,
    events.product_id,
    events.device_key,
    events.device_id,
    events.user_id,
    events.email_key,
    events.ip_key,
    events.store_id,
    events.event_type,
    events.host,
    events.referrer_key,
    events.referrer_host_key,
    events.user_agent_key,
    events.resolution,
    events.is_paid,
    events.shows_recommendation,
    events.options,
    events.order_key,
    events.order_id,
    events.cart_products,
    events.event_at,
    events.kafka_timestamp,
    events.landed_at,
    events.is_from_future,
    events.bad_casts,
    events.load_id,
    events.topic_id,
    events.kafka_partition,
    events.kafka_offset,
    events.changed_load_id,
    {{ is_view('events.event_type') }} as is_view,
    hosts.country_code,
    coalesce(hosts.country_name, 'Unmapped') as country_name,
    case
        when hosts.host is not null then hosts.environment = 'production'
        else not {{ is_not_production('events.host') }}
    end as is_production,
    {{ is_crawler_resolution('events.resolution') }} or coalesce(user_agents.is_bot, false) as is_bot,
    case
        when {{ is_crawler_resolution('events.resolution') }} then 'crawler_resolution'
        else user_agents.bot_reason
    end as bot_reason,
    events.page_key,
    events.utm_source,
    events.utm_medium,
    events.key_search,
    events.cat_id,
    events.collect_id,
    events.viewing_product_id,
    events.recommendation_product_id,
    events.price,
    events.currency_text,
    events.is_paypal
from {{ ref('int_product_events') }} as events
left join {{ ref('host_countries') }} as hosts on events.host = hosts.host
left join {{ source('enrichment', 'user_agent') }} as user_agents on events.user_agent_key = user_agents.user_agent_key
