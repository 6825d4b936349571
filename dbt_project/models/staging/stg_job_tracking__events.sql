-- One select and no CTE: only such a view does Postgres take apart, and works out for each record what is asked of it.
select
    -- position
    load_id,
    topic_id,
    kafka_partition,
    kafka_offset,
    -- ids
    case when event_at is not null then create_time_text::uuid end as event_key,
    {{ as_bigint('job_id_text') }} as job_id,
    {{ as_bigint('publisher_id_text') }} as publisher_id,
    {{ as_bigint('campaign_id_text') }} as campaign_id,
    {{ as_bigint('group_id_text') }} as group_id,
    {{ named_job('job_id_text', 'event_data_text') }} as named_job_id,
    nullif(btrim({{ landed('uid') }}), '') as uid,
    {{ text_key(or_none(landed('ua'))) }} as user_agent_key,
    {{ text_key(url_host('referrer_url')) }} as referrer_host_key,
    -- texts
    create_time_text,
    {{ landed('custom_track') }} as custom_track,
    {{ landed('utm_source') }} as utm_source,
    {{ landed('utm_medium') }} as utm_medium,
    {{ landed('utm_campaign') }} as utm_campaign,
    {{ landed('utm_content') }} as utm_content,
    {{ landed('utm_term') }} as utm_term,
    referrer_url,
    {{ landed('ts') }} as server_local_time,
    -- numbers
    {{ as_quantity('bid_text') }} as bid,
    -- times
    event_at,
    kafka_timestamp,
    landed_at,
    -- quality
    case
        when is_set_apart then 'set_apart'
        when create_time_text is null then 'missing_key'
        when event_at is null then 'bad_event_time'
    end as rejected_reason,
    {{ bad_casts({
        'bid': as_quantity('bid_text'),
        'job_id': as_bigint('job_id_text'),
        'publisher_id': as_bigint('publisher_id_text'),
        'campaign_id': as_bigint('campaign_id_text'),
        'group_id': as_bigint('group_id_text'),
    }) }} as bad_casts
from (
    select
        texts.*,
        {{ worked_out_once(uuid_v1_time('create_time_text')) }} as event_at
    from (
        select
            landed.*,
            apart.of_topic is not null as is_set_apart,
            {{ landed('create_time') }} as create_time_text,
            {{ landed('bid') }} as bid_text,
            {{ landed('job_id') }} as job_id_text,
            {{ landed('publisher_id') }} as publisher_id_text,
            {{ landed('campaign_id') }} as campaign_id_text,
            {{ landed('group_id') }} as group_id_text,
            {{ landed('ed') }} as event_data_text,
            {{ landed('rl') }} as referrer_url
        from {{ source('landing', 'job_tracking') }} as landed
        {{ join_set_apart('job_tracking', 'landed') }}
    ) as texts
) as read
