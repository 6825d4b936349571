{{ config(materialized='view') }}

with newest as (
    select * from {{ ref('int_web_requests__newest') }}
),

files as (
    select * from {{ source('ledger', 'files') }}
    where stream = 'web_logs'
),

of_topics as (
    select newest.*
    from newest
    left join files on newest.topic_id = files.topic_id
    where files.topic_id is null
),

final as (
    select
        coalesce(
            (
                select min(of_topics.newest_event_at)
                from of_topics
                -- of the topic that landed last: partitions of one that was deleted and made again would be slowest for ever
                where of_topics.topic_id = (
                    select last_landed.topic_id from of_topics as last_landed
                    order by last_landed.newest_load_id desc, last_landed.topic_id asc
                    limit 1
                )
            ),
            -- nothing but files: they are finished. Beside a topic they say nothing of it, a file of last year least of all.
            (select max(newest.newest_event_at) from newest)
        ) as newest_event_at
)

select * from final
