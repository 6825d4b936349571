with landed as (
    select * from {{ source('landing', 'product_views') }}
),

read as (
    select
        *,
        coalesce({{ landed('id') }}, {{ landed('_id') }}) as event_id,
        {{ landed('time_stamp') }} as time_stamp_text,
        {{ landed('current_url') }} as url_text
    from landed
),

final as (
    select
        -- position
        load_id,
        topic_id,
        kafka_partition,
        kafka_offset,
        -- ids
        {{ text_key('event_id') }} as event_key,
        event_id,
        -- some event types name their product in another field
        coalesce(
            {{ landed('product_id') }},
            {{ landed('viewing_product_id') }},
            {{ landed('recommendation_product_id') }}
        ) as product_id,
        {{ landed('device_id') }} as device_id,
        {{ landed('store_id') }} as store_id,
        -- texts
        {{ landed('collection') }} as event_type,
        url_text as current_url,
        {{ landed('referrer_url') }} as referrer_url,
        {{ landed('user_agent') }} as user_agent,
        {{ landed('resolution') }} as resolution,
        time_stamp_text,
        -- times
        {{ epoch_time('time_stamp_text') }} as event_at,
        kafka_timestamp,
        landed_at,
        -- quality
        case
            when event_id is null then 'missing_key'
            when {{ epoch_time('time_stamp_text') }} is null then 'bad_event_time'
        end as rejected_reason
    from read
)

select * from final
