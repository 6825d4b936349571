{{ config(
    materialized='incremental',
    incremental_strategy='insert_new',
    indexes=[{'columns': ['load_id']}],
    meta={'partial_indexes': [
        {'columns': [reporting_hour('event_at'), 'product_key'], 'where': 'is_view and is_production'},
    ]},
) }}

with staged as (
    select * from {{ ref('stg_product_views__events') }}
    where {{ new_landings('product_views') }} and rejected_reason is null
),

-- what costs most is worked out here, once a row, and long texts end here
events as (
    select
        event_key,
        event_id,
        product_id,
        device_id,
        store_id,
        event_type,
        {{ url_host('current_url') }} as host,
        {{ is_not_production('current_url', url_host('current_url')) }} as is_staging_page,
        {{ bot_reason('user_agent', 'resolution') }} as bot_reason,
        event_at,
        kafka_timestamp,
        landed_at,
        load_id,
        topic_id,
        kafka_partition,
        kafka_offset
    from staged
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
        {{ is_view('first_landed.event_type') }} as is_view,
        coalesce(hosts.environment = 'production', true)
        and not first_landed.is_staging_page as is_production,
        first_landed.bot_reason is not null as is_bot,
        first_landed.bot_reason,
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
