{{ config(
    materialized='incremental',
    incremental_strategy='insert_new',
    indexes=[{'columns': ['load_id']}],
    meta={'partial_indexes': [
        {'columns': [reporting_hour('event_at'), 'product_key'], 'where': 'is_view and is_production'},
    ]},
) }}

with events as (
    select *, {{ url_host('current_url') }} as host
    from {{ ref('stg_product_views__events') }}
    where {{ new_landings('product_views') }} and rejected_reason is null
),

first_landed as (
    select distinct on (event_key) *
    from events
    order by event_key, load_id, topic_id, kafka_partition, kafka_offset
),

hosts as (
    select * from {{ ref('host_countries') }}
),

known_types as (
    select * from {{ ref('event_types') }}
),

final as (
    select
        first_landed.event_key,
        first_landed.event_id,
        {{ text_key(or_none('first_landed.product_id')) }} as product_key,
        first_landed.product_id,
        first_landed.device_id,
        first_landed.store_id,
        first_landed.event_type,
        first_landed.host,
        hosts.country_code,
        coalesce(hosts.country_name, 'Unmapped') as country_name,
        known_types.event_type is not null as is_known_type,
        coalesce(first_landed.event_type in ('{{ var("view_event_types") | join("', '") }}'), false) as is_view,
        coalesce(hosts.environment = 'production', true)
        and not {{ is_not_production('first_landed.current_url', 'first_landed.host') }} as is_production,
        {{ bot_reason('first_landed.user_agent', 'first_landed.resolution') }} is not null as is_bot,
        {{ bot_reason('first_landed.user_agent', 'first_landed.resolution') }} as bot_reason,
        first_landed.event_at,
        first_landed.kafka_timestamp,
        first_landed.landed_at,
        {{ is_from_future() }} as is_from_future,
        first_landed.load_id,
        first_landed.topic_id,
        first_landed.kafka_partition,
        first_landed.kafka_offset
    from first_landed
    left join hosts on first_landed.host = hosts.host
    left join known_types on first_landed.event_type = known_types.event_type
)

select * from final
