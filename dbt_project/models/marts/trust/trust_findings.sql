with final as (
    select
        stream,
        issue,
        detail,
        events,
        newest_kafka_timestamp
    from {{ ref('data_quality') }}
)

select * from final
