with final as (
    select
        test,
        relation,
        status,
        failures,
        tested_at
    from {{ source('results', 'test_results') }}
)

select * from final
