{{ config(
    incremental_strategy='insert_new',
    partition_by='event_at',
    indexes=[{'columns': ['changed_load_id']}, {'columns': [reporting_hour('event_at')]}],
) }}

with events as (
    select * from {{ ref('stg_job_tracking__events') }}
    where {{ new_landings('job_tracking') }} and rejected_reason is null
),

final as (
    select
        event_key,
        job_id,
        publisher_id,
        campaign_id,
        group_id,
        custom_track,
        utm_source,
        utm_medium,
        utm_campaign,
        bid,
        event_at,
        kafka_timestamp,
        landed_at,
        {{ is_from_future() }} as is_from_future,
        bad_casts,
        uid,
        user_agent_key,
        named_job_id,
        utm_content,
        utm_term,
        referrer_url,
        referrer_host_key,
        load_id,
        topic_id,
        kafka_partition,
        kafka_offset,
        load_id as changed_load_id
    from events
)

select * from final
