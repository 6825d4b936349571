with landed as (
    select * from {{ source('landing', 'door_openings') }}
),

read as (
    select
        *,
        {{ landed('opening_id') }} as opening_id_text,
        {{ landed('opened_at') }} as opened_at_text,
        {{ landed('visitors') }} as visitors_text
    from landed
),

final as (
    select
        load_id,
        topic_id,
        kafka_partition,
        kafka_offset,
        {{ text_key('opening_id_text') }} as event_key,
        opening_id_text,
        opened_at_text,
        {{ landed('shop') }} as shop,
        {{ as_quantity('visitors_text') }} as visitors,
        {{ iso_time('opened_at_text') }} as event_at,
        kafka_timestamp,
        landed_at,
        case
            when {{ is_set_apart('door_openings') }} then 'set_apart'
            when opening_id_text is null then 'missing_key'
            when {{ iso_time('opened_at_text') }} is null then 'bad_event_time'
        end as rejected_reason,
        {{ bad_casts({'visitors': as_quantity('visitors_text')}) }} as bad_casts
    from read
)

select * from final
