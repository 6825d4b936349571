-- One select and no CTE: only such a view does Postgres take apart, and works out for each record what is asked of it.
select
    -- position
    load_id,
    topic_id,
    kafka_partition,
    kafka_offset,
    -- ids: without an event_id, the record's place in its topic is its key; prefixed, so that neither can pass for the other
    {{ text_key("case when sent_event_id is null then 'at ' || place else 'id ' || sent_event_id end") }} as event_key,
    coalesce(sent_event_id, place) as event_id,
    {{ landed('user_id') }} as user_id,
    {{ landed('product_id') }} as product_id,
    -- texts
    {{ landed('action') }} as action,
    {{ landed('user_agent') }} as user_agent,
    {{ ip_address(landed('ip_address')) }} as ip_address,
    timestamp_text,
    -- numbers
    {{ as_quantity('response_time_text') }} as response_seconds,
    {{ as_status_code('status_code_text') }} as status_code,
    -- times
    event_at,
    kafka_timestamp,
    landed_at,
    -- quality
    case
        when is_set_apart then 'set_apart'
        when event_at is null then 'bad_event_time'
    end as rejected_reason,
    {{ bad_casts({
        'response_time': as_quantity('response_time_text'),
        'status_code': as_status_code('status_code_text'),
    }) }} as bad_casts
from (
    select
        texts.*,
        {{ worked_out_once(iso_time('timestamp_text')) }} as event_at
    from (
        select
            landed.*,
            apart.of_topic is not null as is_set_apart,
            {{ landed('event_id') }} as sent_event_id,
            landed.topic_id || '/' || landed.kafka_partition || '/' || landed.kafka_offset as place,
            {{ landed('timestamp') }} as timestamp_text,
            {{ landed('response_time') }} as response_time_text,
            {{ landed('status_code') }} as status_code_text
        from {{ source('landing', 'web_logs') }} as landed
        {{ join_set_apart('web_logs', 'landed') }}
    ) as texts
) as read
